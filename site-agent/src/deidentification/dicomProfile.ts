/**
 * Attributes of the Basic Application Level Confidentiality Profile: DICOM PS3.15 2026c, Annex E, Table E.1-1, as our
 * own table of tag, value representation and keyword under the action that the standard asks for: X remove, Z empty, D
 * replace by a dummy of the same kind, U replace by another unique identifier; with a slash the choice is the type's
 * in the object, which `dicomActions.ts` makes. Its rows of whole groups (50xx curves, 60xx overlays, odd private
 * groups) are rules there. Compiled from dicom-anonymizer's reading of it (BSD-3-Clause) and pydicom's dictionary
 * (MIT), not held line by line against the published edition. An attribute that isn't here is not kept for that: see
 * `dicomKept.ts`.
 */
const ACTIONS = ["D", "Z", "X", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"] as const;

const PROFILE = {
  D: `
    00080106:DT:ContextGroupVersion 00080107:DT:ContextGroupLocalVersion 00120010:LO:ClinicalTrialSponsorName
    00120020:LO:ClinicalTrialProtocolID 00120040:LO:ClinicalTrialSubjectID 00120042:LO:ClinicalTrialSubjectReadingID
    00120081:LO:ClinicalTrialProtocolEthicsCommitteeName 001811bb:LO:AcquisitionFieldOfViewLabel
    00189074:DT:FrameAcquisitionDateTime 00189151:DT:FrameReferenceDateTime 00189367:UC:XRaySourceID
    00189369:DT:SourceStartDateTime 0018936a:DT:SourceEndDateTime 00189371:UC:XRayDetectorID
    00189623:DT:FunctionalSyncPulse 00189701:DT:DecayCorrectionDateTime 00189804:DT:ExclusionStartDateTime
    00340001:SQ:FlowIdentifierSequence 00340002:OB:FlowIdentifier 00340005:OB:SourceIdentifier
    00340007:OB:FrameOriginTimestamp 003a0314:DT:ImpedanceMeasurementDateTime 00400512:LO:ContainerIdentifier
    00400551:LO:SpecimenIdentifier 00401101:SQ:PersonIdentificationCodeSequence 0040a027:LO:VerifyingOrganization
    0040a030:DT:VerificationDateTime 0040a073:SQ:VerifyingObserverSequence 0040a075:PN:VerifyingObserverName
    0040a120:DT:DateTime 0040a121:DA:Date 0040a122:TM:Time 0040a123:PN:PersonName 0040a13a:DT:ReferencedDateTime
    0040a730:SQ:ContentSequence 00420011:OB:EncapsulatedDocument 00440104:DT:AssertionDateTime
    00686226:DT:EffectiveDateTime 00686270:DT:InformationIssueDateTime 006a0003:UI:AnnotationGroupUID
    006a0005:LO:AnnotationGroupLabel 00700001:SQ:GraphicAnnotationSequence 00700006:ST:UnformattedTextValue
    0072000a:DT:HangingProtocolCreationDateTime 0072005e:AE:SelectorAEValue 0072005f:AS:SelectorASValue
    00720061:DA:SelectorDAValue 00720063:DT:SelectorDTValue 00720065:OB:SelectorOBValue 00720066:LO:SelectorLOValue
    00720068:LT:SelectorLTValue 0072006a:PN:SelectorPNValue 0072006b:TM:SelectorTMValue 0072006c:SH:SelectorSHValue
    0072006d:UN:SelectorUNValue 0072006e:ST:SelectorSTValue 00720070:UT:SelectorUTValue 00720071:UR:SelectorURValue
    04000105:DT:DigitalSignatureDateTime 04000115:OB:CertificateOfSigner 04000562:DT:AttributeModificationDateTime
    04000563:LO:ModifyingSystem 04000565:CS:ReasonForTheAttributeModification 21000140:AE:DestinationAE
    30060002:SH:StructureSetLabel 30080024:DA:TreatmentControlPointDate 30080025:TM:TreatmentControlPointTime
    30080162:DA:SafePositionExitDate 30080164:TM:SafePositionExitTime 30080166:DA:SafePositionReturnDate
    30080168:TM:SafePositionReturnTime 300a0002:SH:RTPlanLabel 300a022c:DA:SourceStrengthReferenceDate
    300a022e:TM:SourceStrengthReferenceTime 300a0608:LO:TreatmentPositionGroupLabel
    300a0619:LO:RadiationDoseIdentificationLabel 300a0623:LO:RadiationDoseInVivoMeasurementLabel
    300a062a:LO:RTToleranceSetLabel 300a067c:SH:RadiationGenerationModeLabel
    300a0734:ST:TreatmentToleranceViolationDescription 300a0736:DT:TreatmentToleranceViolationDateTime
    300a073a:DT:RecordedRTControlPointDateTime 300a0741:DT:InterlockDateTime 300a0742:ST:InterlockDescription
    300a0760:DT:OverrideDateTime 300a0783:ST:InterlockOriginDescription 300c0127:DT:BeamHoldTransitionDateTime
    3010002d:LO:DeviceLabel 30100033:SH:UserContentLabel 30100034:LO:UserContentLongLabel 30100035:SH:EntityLabel
    30100038:LO:EntityLongLabel 30100054:LO:RTPrescriptionLabel
  `,
  Z: `
    00080020:DA:StudyDate 00080030:TM:StudyTime 00080050:SH:AccessionNumber 00080090:PN:ReferringPhysicianName
    0008009c:PN:ConsultingPhysicianName 00100010:PN:PatientName 00100030:DA:PatientBirthDate 00100040:CS:PatientSex
    00120021:LO:ClinicalTrialProtocolName 00120030:LO:ClinicalTrialSiteID 00120031:LO:ClinicalTrialSiteName
    00120050:LO:ClinicalTrialTimePointID 00120060:LO:ClinicalTrialCoordinatingCenterName 00181203:DT:CalibrationDateTime
    00200010:SH:StudyID 00400513:SQ:IssuerOfTheContainerIdentifierSequence
    00400562:SQ:IssuerOfTheSpecimenIdentifierSequence 00400610:SQ:SpecimenPreparationSequence
    00402016:LO:PlacerOrderNumberImagingServiceRequest 00402017:LO:FillerOrderNumberImagingServiceRequest
    0040a082:DT:ParticipationDateTime 0040a088:SQ:VerifyingObserverIdentificationCodeSequence
    04000564:LO:SourceOfPreviousValues 30060008:DA:StructureSetDate 30060009:TM:StructureSetTime 30060026:LO:ROIName
    300600a6:PN:ROIInterpreter 300a0611:LO:RTAccessoryHolderSlotID 300a0615:LO:RTAccessoryDeviceSlotID
    300a067d:ST:RadiationGenerationModeDescription 300e0004:DA:ReviewDate 300e0005:TM:ReviewTime
    3010000f:ST:ConceptualVolumeCombinationDescription 30100017:ST:ConceptualVolumeDescription
    3010001b:UC:DeviceAlternateIdentifier 30100043:ST:ManufacturerDeviceIdentifier
    3010005a:UT:RTPhysicianIntentNarrative 3010005c:ST:ReasonForSuperseding 3010007a:UT:TreatmentTechniqueNotes
    3010007b:UT:PrescriptionNotes 3010007f:UT:FractionationNotes 30100081:SQ:PrescriptionNotesSequence
  `,
  X: `
    00001000:UI:AffectedSOPInstanceUID 00080015:DT:InstanceCoercionDateTime 00080024:DA:OverlayDate
    00080025:DA:CurveDate 00080034:TM:OverlayTime 00080035:TM:CurveTime 00080054:AE:RetrieveAETitle
    00080055:AE:StationAETitle 00080081:ST:InstitutionAddress 00080092:ST:ReferringPhysicianAddress
    00080094:SH:ReferringPhysicianTelephoneNumbers 00080096:SQ:ReferringPhysicianIdentificationSequence
    0008009d:SQ:ConsultingPhysicianIdentificationSequence 00080201:SH:TimezoneOffsetFromUTC 00081000:AE:NetworkID
    00081030:LO:StudyDescription 0008103e:LO:SeriesDescription 00081040:LO:InstitutionalDepartmentName
    00081041:SQ:InstitutionalDepartmentTypeCodeSequence 00081048:PN:PhysiciansOfRecord
    00081049:SQ:PhysiciansOfRecordIdentificationSequence 00081050:PN:PerformingPhysicianName
    00081052:SQ:PerformingPhysicianIdentificationSequence 00081060:PN:NameOfPhysiciansReadingStudy
    00081062:SQ:PhysiciansReadingStudyIdentificationSequence 00081080:LO:AdmittingDiagnosesDescription
    00081084:SQ:AdmittingDiagnosesCodeSequence 00081088:LO:PyramidDescription 00081120:SQ:ReferencedPatientSequence
    00081301:SQ:PrincipalDiagnosisCodeSequence 00081302:SQ:PrimaryDiagnosisCodeSequence
    00081303:SQ:SecondaryDiagnosesCodeSequence 00081304:SQ:HistologicalDiagnosesCodeSequence
    00082111:ST:DerivationDescription 00084000:LT:IdentifyingComments 00100011:SQ:PersonNamestoUseSequence
    00100012:LO:NametoUse 00100013:UT:NametoUseComment 00100014:SQ:ThirdPersonPronounsSequence
    00100015:SQ:PronounCodeSequence 00100016:UT:PronounComment 00100021:LO:IssuerOfPatientID
    00100032:TM:PatientBirthTime 00100041:SQ:GenderIdentitySequence
    00100042:UT:SexParametersforClinicalUseCategoryComment 00100043:SQ:SexParametersforClinicalUseCategorySequence
    00100044:SQ:GenderIdentityCodeSequence 00100045:UT:GenderIdentityComment
    00100046:SQ:SexParametersforClinicalUseCategoryCodeSequence 00100047:SQ:SexParametersforClinicalUseCategoryReference
    00100050:SQ:PatientInsurancePlanCodeSequence 00100101:SQ:PatientPrimaryLanguageCodeSequence
    00100102:SQ:PatientPrimaryLanguageModifierCodeSequence 00101000:LO:OtherPatientIDs 00101001:PN:OtherPatientNames
    00101002:SQ:OtherPatientIDsSequence 00101005:PN:PatientBirthName 00101010:AS:PatientAge 00101020:DS:PatientSize
    00101030:DS:PatientWeight 00101040:LO:PatientAddress 00101050:LO:InsurancePlanIdentification
    00101060:PN:PatientMotherBirthName 00101080:LO:MilitaryRank 00101081:LO:BranchOfService
    00101090:LO:MedicalRecordLocator 00101100:SQ:ReferencedPatientPhotoSequence 00102000:LO:MedicalAlerts
    00102110:LO:Allergies 00102150:LO:CountryOfResidence 00102152:LO:RegionOfResidence
    00102154:SH:PatientTelephoneNumbers 00102155:LT:PatientTelecomInformation 00102160:SH:EthnicGroup
    00102161:SQ:EthnicGroupCodeSequence 00102162:LO:EthnicGroups 00102180:SH:Occupation 001021a0:CS:SmokingStatus
    001021b0:LT:AdditionalPatientHistory 001021c0:US:PregnancyStatus 001021d0:DA:LastMenstrualDate
    001021f0:LO:PatientReligiousPreference 00102297:PN:ResponsiblePerson 00102299:LO:ResponsibleOrganization
    00104000:LT:PatientComments 00120022:LO:IssuerOfClinicalTrialProtocolID
    00120023:SQ:OtherClinicalTrialProtocolIDsSequence 00120032:LO:IssuerOfClinicalTrialSiteID
    00120041:LO:IssuerOfClinicalTrialSubjectID 00120043:LO:IssuerOfClinicalTrialSubjectReadingID
    00120051:ST:ClinicalTrialTimePointDescription 00120055:LO:IssuerOfClinicalTrialTimePointID
    00120071:LO:ClinicalTrialSeriesID 00120072:LO:ClinicalTrialSeriesDescription
    00120073:LO:IssuerOfClinicalTrialSeriesID 00120082:LO:ClinicalTrialProtocolEthicsCommitteeApprovalNumber
    00120086:DA:EthicsCommitteeApprovalEffectivenessStartDate 00120087:DA:EthicsCommitteeApprovalEffectivenessEndDate
    0014407c:TM:CalibrationTime 0014407e:DA:CalibrationDate 0016002b:OB:MakerNote 0016004b:OB:DeviceSettingDescription
    0016004d:UT:CameraOwnerName 0016004e:DS:LensSpecification 0016004f:UT:LensMake 00160050:UT:LensModel
    00160051:UT:LensSerialNumber 00160070:OB:GPSVersionID 00160071:CS:GPSLatitudeRef 00160072:DS:GPSLatitude
    00160073:CS:GPSLongitudeRef 00160074:DS:GPSLongitude 00160075:US:GPSAltitudeRef 00160076:DS:GPSAltitude
    00160077:DT:GPSTimeStamp 00160078:UT:GPSSatellites 00160079:CS:GPSStatus 0016007a:CS:GPSMeasureMode
    0016007b:DS:GPSDOP 0016007c:CS:GPSSpeedRef 0016007d:DS:GPSSpeed 0016007e:CS:GPSTrackRef 0016007f:DS:GPSTrack
    00160080:CS:GPSImgDirectionRef 00160081:DS:GPSImgDirection 00160082:UT:GPSMapDatum 00160083:CS:GPSDestLatitudeRef
    00160084:DS:GPSDestLatitude 00160085:CS:GPSDestLongitudeRef 00160086:DS:GPSDestLongitude
    00160087:CS:GPSDestBearingRef 00160088:DS:GPSDestBearing 00160089:CS:GPSDestDistanceRef 0016008a:DS:GPSDestDistance
    0016008b:OB:GPSProcessingMethod 0016008c:OB:GPSAreaInformation 0016008d:DT:GPSDateStamp 0016008e:IS:GPSDifferential
    00180027:TM:InterventionDrugStopTime 00180035:TM:InterventionDrugStartTime 00181004:LO:PlateID
    00181005:LO:GeneratorID 00181007:LO:CassetteID 00181008:LO:GantryID 00181009:UT:UniqueDeviceIdentifier
    0018100a:SQ:UDISequence 00181010:LO:SecondaryCaptureDeviceID 00181011:LO:HardcopyCreationDeviceID
    00181012:DA:DateOfSecondaryCapture 00181014:TM:TimeOfSecondaryCapture 00181042:TM:ContrastBolusStartTime
    00181043:TM:ContrastBolusStopTime 00181072:TM:RadiopharmaceuticalStartTime 00181073:TM:RadiopharmaceuticalStopTime
    00181078:DT:RadiopharmaceuticalStartDateTime 00181079:DT:RadiopharmaceuticalStopDateTime
    00181200:DA:DateOfLastCalibration 00181201:TM:TimeOfLastCalibration 00181202:DT:DateTimeOfLastCalibration
    00181204:DA:DateOfManufacture 00181205:DA:DateOfInstallation 00184000:LT:AcquisitionComments
    00185011:SQ:TransducerIdentificationSequence 00189185:ST:RespiratoryMotionCompensationTechniqueDescription
    00189373:ST:XRayDetectorLabel 0018937b:UT:MultienergyAcquisitionDescription 0018937f:UT:DecompositionDescription
    00189424:LT:AcquisitionProtocolDescription 00189937:LO:RequestedSeriesDescription 0018a002:DT:ContributionDateTime
    0018a003:ST:ContributionDescription 00200027:LO:PyramidLabel 00203401:CS:ModifyingDeviceID
    00203403:DA:ModifiedImageDate 00203405:TM:ModifiedImageTime 00203406:LO:ModifiedImageDescription
    00204000:LT:ImageComments 00209158:LT:FrameComments 00284000:LT:ImagePresentationComments 00320012:LO:StudyIDIssuer
    00320032:DA:StudyVerifiedDate 00320033:TM:StudyVerifiedTime 00320034:DA:StudyReadDate 00320035:TM:StudyReadTime
    00321000:DA:ScheduledStudyStartDate 00321001:TM:ScheduledStudyStartTime 00321010:DA:ScheduledStudyStopDate
    00321011:TM:ScheduledStudyStopTime 00321020:LO:ScheduledStudyLocation 00321021:AE:ScheduledStudyLocationAETitle
    00321030:LO:ReasonForStudy 00321032:PN:RequestingPhysician 00321033:LO:RequestingService
    00321040:DA:StudyArrivalDate 00321041:TM:StudyArrivalTime 00321050:DA:StudyCompletionDate
    00321051:TM:StudyCompletionTime 00321066:UT:ReasonForVisit 00321067:SQ:ReasonForVisitCodeSequence
    00321070:LO:RequestedContrastAgent 00324000:LT:StudyComments 00380004:SQ:ReferencedPatientAliasSequence
    00380010:LO:AdmissionID 00380011:LO:IssuerOfAdmissionID 00380014:SQ:IssuerOfAdmissionIDSequence
    0038001a:DA:ScheduledAdmissionDate 0038001b:TM:ScheduledAdmissionTime 0038001c:DA:ScheduledDischargeDate
    0038001d:TM:ScheduledDischargeTime 0038001e:LO:ScheduledPatientInstitutionResidence 00380020:DA:AdmittingDate
    00380021:TM:AdmittingTime 00380030:DA:DischargeDate 00380032:TM:DischargeTime
    00380040:LO:DischargeDiagnosisDescription 00380050:LO:SpecialNeeds 00380060:LO:ServiceEpisodeID
    00380061:LO:IssuerOfServiceEpisodeID 00380062:LO:ServiceEpisodeDescription
    00380064:SQ:IssuerOfServiceEpisodeIDSequence 00380300:LO:CurrentPatientLocation
    00380400:LO:PatientInstitutionResidence 00380500:LO:PatientState 00384000:LT:VisitComments
    003a0020:SH:MultiplexGroupLabel 003a0203:SH:ChannelLabel 003a020c:LO:ChannelDerivationDescription
    003a0329:ST:WaveformFilterDescription 003a032b:ST:FilterLookupTableDescription 00400001:AE:ScheduledStationAETitle
    00400002:DA:ScheduledProcedureStepStartDate 00400003:TM:ScheduledProcedureStepStartTime
    00400004:DA:ScheduledProcedureStepEndDate 00400005:TM:ScheduledProcedureStepEndTime
    00400006:PN:ScheduledPerformingPhysicianName 00400007:LO:ScheduledProcedureStepDescription
    00400009:SH:ScheduledProcedureStepID 0040000b:SQ:ScheduledPerformingPhysicianIdentificationSequence
    00400010:SH:ScheduledStationName 00400011:SH:ScheduledProcedureStepLocation 00400012:LO:PreMedication
    00400241:AE:PerformedStationAETitle 00400242:SH:PerformedStationName 00400243:SH:PerformedLocation
    00400244:DA:PerformedProcedureStepStartDate 00400245:TM:PerformedProcedureStepStartTime
    00400250:DA:PerformedProcedureStepEndDate 00400251:TM:PerformedProcedureStepEndTime
    00400253:SH:PerformedProcedureStepID 00400254:LO:PerformedProcedureStepDescription
    00400275:SQ:RequestAttributesSequence 00400280:ST:CommentsOnThePerformedProcedureStep
    00400310:ST:CommentsOnRadiationDose 0040050a:LO:SpecimenAccessionNumber 0040051a:LO:ContainerDescription
    00400556:ST:AcquisitionContextDescription 00400600:LO:SpecimenShortDescription
    00400602:UT:SpecimenDetailedDescription 004006fa:LO:SlideIdentifier 00401001:SH:RequestedProcedureID
    00401002:LO:ReasonForTheRequestedProcedure 00401004:LO:PatientTransportArrangements
    00401005:LO:RequestedProcedureLocation 0040100a:SQ:ReasonForRequestedProcedureCodeSequence
    00401010:PN:NamesOfIntendedRecipientsOfResults 00401011:SQ:IntendedRecipientsOfResultsIdentificationSequence
    00401102:ST:PersonAddress 00401103:LO:PersonTelephoneNumbers 00401104:LT:PersonTelecomInformation
    00401400:LT:RequestedProcedureComments 00402001:LO:ReasonForTheImagingServiceRequest
    00402004:DA:IssueDateOfImagingServiceRequest 00402005:TM:IssueTimeOfImagingServiceRequest 00402008:PN:OrderEnteredBy
    00402009:SH:OrderEntererLocation 00402010:SH:OrderCallbackPhoneNumber 00402011:LT:OrderCallbackTelecomInformation
    00402400:LT:ImagingServiceRequestComments 00403001:LO:ConfidentialityConstraintOnPatientDataDescription
    00404005:DT:ScheduledProcedureStepStartDateTime 00404008:DT:ScheduledProcedureStepExpirationDateTime
    00404010:DT:ScheduledProcedureStepModificationDateTime 00404011:DT:ExpectedCompletionDateTime
    00404025:SQ:ScheduledStationNameCodeSequence 00404027:SQ:ScheduledStationGeographicLocationCodeSequence
    00404028:SQ:PerformedStationNameCodeSequence 00404030:SQ:PerformedStationGeographicLocationCodeSequence
    00404034:SQ:ScheduledHumanPerformersSequence 00404035:SQ:ActualHumanPerformersSequence
    00404036:LO:HumanPerformerOrganization 00404037:PN:HumanPerformerName
    00404050:DT:PerformedProcedureStepStartDateTime 00404051:DT:PerformedProcedureStepEndDateTime
    00404052:DT:ProcedureStepCancellationDateTime 0040a023:DA:FindingsGroupRecordingDateTrial
    0040a024:TM:FindingsGroupRecordingTimeTrial 0040a033:DT:ObservationStartDateTime 0040a034:DT:EffectiveStartDateTime
    0040a035:DT:EffectiveStopDateTime 0040a078:SQ:AuthorObserverSequence 0040a07a:SQ:ParticipantSequence
    0040a07c:SQ:CustodialOrganizationSequence 0040a110:DA:DateOfDocumentOrVerbalTransactionTrial
    0040a112:TM:TimeOfDocumentCreationOrVerbalTransactionTrial 0040a192:DA:ObservationDateTrial
    0040a193:TM:ObservationTimeTrial 0040a307:PN:CurrentObserverTrial 0040a352:PN:VerbalSourceTrial
    0040a353:ST:AddressTrial 0040a354:LO:TelephoneNumberTrial 0040a358:SQ:VerbalSourceIdentifierCodeSequenceTrial
    0040b034:DT:AnnotationDateTime 0040b036:DT:SegmentDefinitionDateTime 0040b03b:LO:MontageName
    0040b03f:LO:MontageChannelLabel 0040db06:DT:TemplateVersion 0040db07:DT:TemplateLocalVersion
    0040e004:DT:HL7DocumentEffectiveTime 0040e012:UR:DisplayURI 00440004:DT:ApprovalStatusDateTime
    0044000b:DT:ProductExpirationDateTime 00440010:DT:SubstanceAdministrationDateTime
    00440105:DT:AssertionExpirationDateTime 0050001b:LO:ContainerComponentID 00500020:LO:DeviceDescription
    00500021:ST:LongDeviceDescription 006a0006:UT:AnnotationGroupDescription 00700082:DA:PresentationCreationDate
    00700083:TM:PresentationCreationTime 00700086:SQ:ContentCreatorIdentificationCodeSequence 00741234:AE:ReceivingAE
    00741236:AE:RequestingAE 00880200:SQ:IconImageSequence 00880904:LO:TopicTitle 00880906:ST:TopicSubject
    00880910:LO:TopicAuthor 00880912:LO:TopicKeywords 01000420:DT:SOPAuthorizationDateTime
    04000310:OB:CertifiedTimestamp 04000402:SQ:ReferencedDigitalSignatureSequence
    04000403:SQ:ReferencedSOPInstanceMACSequence 04000404:OB:MAC 04000550:SQ:ModifiedAttributesSequence
    04000551:SQ:NonconformingModifiedAttributesSequence 04000552:OB:NonconformingDataElementValue
    04000561:SQ:OriginalAttributesSequence 04000600:CS:InstanceOriginStatus 20300020:LO:TextString
    21000040:DA:CreationDate 21000050:TM:CreationTime 21000070:AE:Originator 30020121:LO:PositionAcquisitionTemplateName
    30020123:LT:PositionAcquisitionTemplateDescription 30060004:LO:StructureSetName 30060006:ST:StructureSetDescription
    30060028:ST:ROIDescription 3006002d:DT:ROIDateTime 3006002e:DT:ROIObservationDateTime
    30060038:LO:ROIGenerationDescription 3006004d:SQ:ROICreatorSequence 3006004e:SQ:ROIInterpreterSequence
    30060085:SH:ROIObservationLabel 30060088:ST:ROIObservationDescription 300a0003:LO:RTPlanName
    300a0004:ST:RTPlanDescription 300a000b:LO:TreatmentSites 300a000e:ST:PrescriptionDescription
    300a0016:LO:DoseReferenceDescription 300a0072:LO:FractionGroupDescription 300a00c3:ST:BeamDescription
    300a00dd:ST:BolusDescription 300a0196:ST:FixationDeviceDescription 300a01a6:ST:ShieldingDeviceDescription
    300a01b2:ST:SetupTechniqueDescription 300a0216:LO:SourceManufacturer 300a02eb:LT:CompensatorDescription
    300a0676:ST:EquipmentFrameOfReferenceDescription
    300a078e:LT:PatientTreatmentPreparationProcedureParameterDescription
    300a0792:LT:PatientTreatmentPreparationMethodDescription 300a0794:LT:PatientSetupPhotoDescription
    300a079a:LO:DisplacementReferenceLabel 300c0113:LO:ReasonForOmissionDescription 30100036:LO:EntityName
    30100037:ST:EntityDescription 30100061:UT:PriorTreatmentDoseDescription 30100085:TM:IntendedFractionStartTime
    40000010:LT:Arbitrary 40004000:LT:TextComments 40080040:SH:ResultsID 40080042:LO:ResultsIDIssuer
    40080100:DA:InterpretationRecordedDate 40080101:TM:InterpretationRecordedTime 40080102:PN:InterpretationRecorder
    40080108:DA:InterpretationTranscriptionDate 40080109:TM:InterpretationTranscriptionTime
    4008010a:PN:InterpretationTranscriber 4008010b:ST:InterpretationText 4008010c:PN:InterpretationAuthor
    40080111:SQ:InterpretationApproverSequence 40080112:DA:InterpretationApprovalDate
    40080113:TM:InterpretationApprovalTime 40080114:PN:PhysicianApprovingInterpretation
    40080115:LT:InterpretationDiagnosisDescription 40080118:SQ:ResultsDistributionListSequence
    40080119:PN:DistributionName 4008011a:LO:DistributionAddress 40080200:SH:InterpretationID
    40080202:LO:InterpretationIDIssuer 40080300:ST:Impressions 40084000:ST:ResultsComments
    fffafffa:SQ:DigitalSignaturesSequence fffcfffc:OB:DataSetTrailingPadding
  `,
  U: `
    00001001:UI:RequestedSOPInstanceUID 00020003:UI:MediaStorageSOPInstanceUID
    00041511:UI:ReferencedSOPInstanceUIDInFile 00080014:UI:InstanceCreatorUID 00080017:UI:AcquisitionUID
    00080018:UI:SOPInstanceUID 00080019:UI:PyramidUID 00080058:UI:FailedSOPInstanceUIDList
    00081155:UI:ReferencedSOPInstanceUID 00081195:UI:TransactionUID 00083010:UI:IrradiationEventUID
    00181002:UI:DeviceUID 0018100b:UI:ManufacturerDeviceClassUID 00182042:UI:TargetUID 0020000d:UI:StudyInstanceUID
    0020000e:UI:SeriesInstanceUID 00200052:UI:FrameOfReferenceUID 00200200:UI:SynchronizationFrameOfReferenceUID
    00209161:UI:ConcatenationUID 00209164:UI:DimensionOrganizationUID 00281199:UI:PaletteColorLookupTableUID
    00281214:UI:LargePaletteColorLookupTableUID 003a0310:UI:MultiplexGroupUID 00400554:UI:SpecimenUID
    00404023:UI:ReferencedGeneralPurposeScheduledProcedureStepTransactionUID 0040a124:UI:UID 0040a171:UI:ObservationUID
    0040a172:UI:ReferencedObservationUIDTrial 0040a402:UI:ObservationSubjectUIDTrial
    0040db0c:UI:TemplateExtensionOrganizationUID 0040db0d:UI:TemplateExtensionCreatorUID 00620021:UI:TrackingUID
    00640003:UI:SourceFrameOfReferenceUID 0070031a:UI:FiducialUID 00701101:UI:PresentationDisplayCollectionUID
    00701102:UI:PresentationSequenceCollectionUID 00880140:UI:StorageMediaFileSetUID 04000100:UI:DigitalSignatureUID
    30060024:UI:ReferencedFrameOfReferenceUID 300600c2:UI:RelatedFrameOfReferenceUID 300a0013:UI:DoseReferenceUID
    300a0054:UI:TableTopPositionAlignmentUID 300a0083:UI:ReferencedDoseReferenceUID
    300a0609:UI:TreatmentPositionGroupUID 300a0650:UI:PatientSetupUID 300a0700:UI:TreatmentSessionUID
    300a0785:UI:ReferencedTreatmentPositionGroupUID 30100006:UI:ConceptualVolumeUID
    3010000b:UI:ReferencedConceptualVolumeUID 30100013:UI:ConstituentConceptualVolumeUID
    30100015:UI:SourceConceptualVolumeUID 30100031:UI:ReferencedFiducialsUID 3010003b:UI:RTTreatmentPhaseUID
    3010006e:UI:DosimetricObjectiveUID 3010006f:UI:ReferencedDosimetricObjectiveUID
  `,
  "Z/D": `
    00080023:DA:ContentDate 00080033:TM:ContentTime 00100020:LO:PatientID 00180010:LO:ContrastBolusAgent
    00189919:DT:InstructionPerformedDateTime 00700084:PN:ContentCreatorName
  `,
  "X/Z": `
    00080022:DA:AcquisitionDate 00080032:TM:AcquisitionTime 00081110:SQ:ReferencedStudySequence
    00102203:CS:PatientSexNeutered 00321060:LO:RequestedProcedureDescription 00400555:SQ:AcquisitionContextSequence
    22000002:UT:LabelText 22000005:LT:BarcodeValue 30080105:LO:SourceSerialNumber 300a00b2:SH:TreatmentMachineName
    300e0008:PN:ReviewerName
  `,
  "X/D": `
    00080012:DA:InstanceCreationDate 00080021:DA:SeriesDate 00080031:TM:SeriesTime
    00081072:SQ:OperatorIdentificationSequence 00181030:LO:ProtocolName
    00181400:LO:AcquisitionDeviceProcessingDescription 0018700a:SH:DetectorID 0018700c:DA:DateOfLastDetectorCalibration
    0018700e:TM:TimeOfLastDetectorCalibration 00189516:DT:StartAcquisitionDateTime 00189517:DT:EndAcquisitionDateTime
    0040a032:DT:ObservationDateTime 0040b020:SQ:WaveformAnnotationSequence 30080054:DA:FirstTreatmentDate
    30080056:DA:MostRecentTreatmentDate 30080250:DA:TreatmentDate 30080251:TM:TreatmentTime 300a0006:DA:RTPlanDate
    300a0007:TM:RTPlanTime 3010004c:DA:IntendedPhaseStartDate 3010004d:DA:IntendedPhaseEndDate
    30100056:LO:RTTreatmentApproachLabel 30100077:LO:TreatmentSite
  `,
  "X/Z/D": `
    00080013:TM:InstanceCreationTime 0008002a:DT:AcquisitionDateTime 00080080:LO:InstitutionName
    00080082:SQ:InstitutionCodeSequence 00081010:SH:StationName 00081070:PN:OperatorsName
    00081111:SQ:ReferencedPerformedProcedureStepSequence 00181000:LO:DeviceSerialNumber
  `,
  "X/Z/U*": `
    00081140:SQ:ReferencedImageSequence 00082112:SQ:SourceImageSequence
  `,
} as const;

export type ProfileAction = (typeof ACTIONS)[number];

export interface ProfileAttribute {
  readonly tag: number;
  readonly vr: string;
  /** The standard's keyword. */
  readonly name: string;
  readonly action: ProfileAction;
}

export const BASIC_PROFILE: ReadonlyMap<number, ProfileAttribute> = new Map(
  Object.entries(PROFILE).flatMap(([action, rows]) => attributesOf(action, rows)),
);

function attributesOf(key: string, rows: string): [number, ProfileAttribute][] {
  const action = ACTIONS.find((one) => one === key) ?? "X";
  return rows
    .trim()
    .split(/\s+/)
    .map((row) => {
      const [tag = "", vr = "UN", name = ""] = row.split(":");
      return [Number.parseInt(tag, 16), { tag: Number.parseInt(tag, 16), vr, name, action }];
    });
}
