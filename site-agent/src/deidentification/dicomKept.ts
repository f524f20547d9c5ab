/**
 * What may stay of a DICOM object though the profile's table doesn't name it: how its pixels are to be read, how they
 * were taken, and where they lie. Numbers, codes and identifiers of the standard's own classes alone. A code is held
 * against a code's form, not against its terms: capitals that somebody typed in its place would stay. All that neither
 * this list nor the table names is removed.
 */
import { BASIC_PROFILE } from "./dicomProfile.ts";

const KEPT = `
  00080005:CS:SpecificCharacterSet 00080008:CS:ImageType 00080016:UI:SOPClassUID 00080060:CS:Modality
  00080064:CS:ConversionType 00080068:CS:PresentationIntentType 00082144:IS:RecommendedDisplayFrameRate
  00089007:CS:FrameType 00089205:CS:PixelPresentation 00089206:CS:VolumetricProperties
  00089207:CS:VolumeBasedCalculationTechnique 00089208:CS:ComplexImageComponent 00089209:CS:AcquisitionContrast
  00180015:CS:BodyPartExamined 00180020:CS:ScanningSequence 00180021:CS:SequenceVariant 00180022:CS:ScanOptions
  00180023:CS:MRAcquisitionType 00180025:CS:AngioFlag 00180040:IS:CineRate 00180050:DS:SliceThickness 00180060:DS:KVP
  00180080:DS:RepetitionTime 00180081:DS:EchoTime 00180082:DS:InversionTime 00180083:DS:NumberOfAverages
  00180084:DS:ImagingFrequency 00180086:IS:EchoNumbers 00180087:DS:MagneticFieldStrength
  00180088:DS:SpacingBetweenSlices 00180089:IS:NumberOfPhaseEncodingSteps 00180090:DS:DataCollectionDiameter
  00180091:IS:EchoTrainLength 00180093:DS:PercentSampling 00180094:DS:PercentPhaseFieldOfView
  00180095:DS:PixelBandwidth 00181063:DS:FrameTime 00181065:DS:FrameTimeVector 00181100:DS:ReconstructionDiameter
  00181110:DS:DistanceSourceToDetector 00181111:DS:DistanceSourceToPatient
  00181114:DS:EstimatedRadiographicMagnificationFactor 00181120:DS:GantryDetectorTilt 00181130:DS:TableHeight
  00181140:CS:RotationDirection 00181147:CS:FieldOfViewShape 00181149:IS:FieldOfViewDimensions
  00181150:IS:ExposureTime 00181151:IS:XRayTubeCurrent 00181152:IS:Exposure 00181153:IS:ExposureInuAs
  00181154:DS:AveragePulseWidth 00181164:DS:ImagerPixelSpacing 00181166:CS:Grid
  00181170:IS:GeneratorPower 00181190:DS:FocalSpots 00181191:CS:AnodeTargetMaterial 001811a0:DS:BodyPartThickness
  001811a2:DS:CompressionForce 00181312:CS:InPlanePhaseEncodingDirection
  00181314:DS:FlipAngle 00181315:CS:VariableFlipAngleFlag 00181316:DS:SAR 00181318:DS:dBdt 00181508:CS:PositionerType
  00181510:DS:PositionerPrimaryAngle 00181511:DS:PositionerSecondaryAngle 00185100:CS:PatientPosition
  00185101:CS:ViewPosition 00187004:CS:DetectorType 00187005:CS:DetectorConfiguration 00187050:CS:FilterMaterial
  00187060:CS:ExposureControlMode 00187064:CS:ExposureStatus 00189226:SQ:MRImageFrameTypeSequence
  00189306:FD:SingleCollimationWidth 00189307:FD:TotalCollimationWidth 00189309:FD:TableSpeed
  00189311:FD:SpiralPitchFactor 00189329:SQ:CTImageFrameTypeSequence 00200011:IS:SeriesNumber
  00200012:IS:AcquisitionNumber 00200013:IS:InstanceNumber 00200020:CS:PatientOrientation
  00200032:DS:ImagePositionPatient 00200037:DS:ImageOrientationPatient 00200060:CS:Laterality
  00200062:CS:ImageLaterality 00200100:IS:TemporalPositionIdentifier 00200105:IS:NumberOfTemporalPositions
  00201002:IS:ImagesInAcquisition 00201041:DS:SliceLocation 00209057:UL:InStackPositionNumber
  00209071:SQ:FrameAnatomySequence 00209072:CS:FrameLaterality 00209113:SQ:PlanePositionSequence
  00209116:SQ:PlaneOrientationSequence 00280002:US:SamplesPerPixel 00280004:CS:PhotometricInterpretation
  00280006:US:PlanarConfiguration 00280008:IS:NumberOfFrames 00280009:AT:FrameIncrementPointer 00280010:US:Rows
  00280011:US:Columns 00280014:US:UltrasoundColorDataPresent 00280030:DS:PixelSpacing 00280034:IS:PixelAspectRatio
  00280051:CS:CorrectedImage 00280100:US:BitsAllocated 00280101:US:BitsStored 00280102:US:HighBit
  00280103:US:PixelRepresentation 00280106:US:SmallestImagePixelValue 00280107:US:LargestImagePixelValue
  00280120:US:PixelPaddingValue 00280121:US:PixelPaddingRangeLimit 00280300:CS:QualityControlImage
  00280301:CS:BurnedInAnnotation 00280a02:CS:PixelSpacingCalibrationType 00281040:CS:PixelIntensityRelationship
  00281041:SS:PixelIntensityRelationshipSign 00281050:DS:WindowCenter 00281051:DS:WindowWidth
  00281052:DS:RescaleIntercept 00281053:DS:RescaleSlope 00281054:LO:RescaleType 00281056:CS:VOILUTFunction
  00281101:US:RedPaletteColorLookupTableDescriptor 00281102:US:GreenPaletteColorLookupTableDescriptor
  00281103:US:BluePaletteColorLookupTableDescriptor 00281201:OW:RedPaletteColorLookupTableData
  00281202:OW:GreenPaletteColorLookupTableData 00281203:OW:BluePaletteColorLookupTableData
  00282110:CS:LossyImageCompression 00282112:DS:LossyImageCompressionRatio 00282114:CS:LossyImageCompressionMethod
  00283000:SQ:ModalityLUTSequence 00283002:US:LUTDescriptor 00283006:US:LUTData
  00283010:SQ:VOILUTSequence 00289110:SQ:PixelMeasuresSequence 00289132:SQ:FrameVOILUTSequence
  00289145:SQ:PixelValueTransformationSequence 00541000:CS:SeriesType 00541001:CS:Units 00541002:CS:CountsSource
  00541102:CS:DecayCorrection 20500020:CS:PresentationLUTShape 52009229:SQ:SharedFunctionalGroupsSequence
  52009230:SQ:PerFrameFunctionalGroupsSequence 7fe00010:OB:PixelData
`;

/** Representation and keyword of each attribute that stays. */
export const KEPT_ATTRIBUTES: ReadonlyMap<number, { readonly vr: string; readonly name: string }> = new Map(
  KEPT.trim()
    .split(/\s+/)
    .map((row) => {
      const [tag = "", vr = "UN", name = ""] = row.split(":");
      return [Number.parseInt(tag, 16), { vr, name }];
    }),
);

/**
 * What a data set's own rules may retain of the patient and the device, as the options of PS3.15, E.3.6 and E.3.5 do;
 * each with the option's code (PS3.16, CID 7050). Direct identifiers can't be retained, and texts only where a form
 * holds them.
 */
export const RETAINABLE: ReadonlyMap<number, { readonly name: string; readonly option: "113108" | "113109" }> = new Map(
  [
    [0x00100040, { name: "PatientSex", option: "113108" }],
    [0x00101010, { name: "PatientAge", option: "113108" }],
    [0x00101020, { name: "PatientSize", option: "113108" }],
    [0x00101030, { name: "PatientWeight", option: "113108" }],
    [0x001021a0, { name: "SmokingStatus", option: "113108" }],
    [0x001021c0, { name: "PregnancyStatus", option: "113108" }],
    [0x00181000, { name: "DeviceSerialNumber", option: "113109" }],
  ],
);

export const RETAINABLE_NAMES = [...RETAINABLE.values()].map(({ name }) => name);

/** Representation of an element in a file that doesn't say it; what isn't known is bytes, which are removed. */
export function knownRepresentation(tag: number): string {
  return KEPT_ATTRIBUTES.get(tag)?.vr ?? BASIC_PROFILE.get(tag)?.vr ?? (tag % 0x10000 === 0 ? "UL" : "UN");
}

/** Codes as the standard forms them, numbers in text, and binary numbers: a value in another form is not kept. */
export function isPlainValue(vr: string, text: string): boolean {
  switch (vr) {
    case "CS":
      return text.split("\\").every((part) => /^[A-Z0-9_ ]{0,16}$/.test(part.trim()));
    case "DS":
    case "IS":
      return text.split("\\").every((part) => /^[-+0-9.eE]{0,16}$/.test(part.trim()));
    case "AS":
      return /^\d{3}[DWMY]$/.test(text.trim());
    case "UI":
      return /^1\.2\.840\.10008\.[0-9.]{1,50}$/.test(text.trim());
    case "LO":
      return /^[A-Z0-9_.-]{0,32}$/.test(text.trim());
    default:
      return BINARY.has(vr);
  }
}

/** Units of rescaled values (PS3.3, C.11.1.1.2): the one text among the attributes above, so no other words stay. */
export const RESCALE_TYPE = 0x00281054;
export const RESCALE_TYPES: ReadonlySet<string> = new Set("OD HU US MGML Z_EFF ED EDW HU_MOD PCT".split(" "));

const BINARY = new Set("AT FD FL OB OW SL SS UL US".split(" "));
