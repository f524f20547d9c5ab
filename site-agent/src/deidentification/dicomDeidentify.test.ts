import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOf, type DicomDataset, type DicomElement, itemsOf, TAG, textElement, textOf } from "../dicom/dataset.ts";
import { datasetOf, greyImage, shortElement } from "../dicom/dicomFiles.test-support.ts";
import { readDicom } from "../dicom/read.ts";
import { EXPLICIT_LITTLE_ENDIAN } from "../dicom/transferSyntax.ts";
import { writeDicom } from "../dicom/write.ts";
import { daysOfPatient, remappedUid, shiftedDate } from "./dicomActions.ts";
import { deidentifyDicom } from "./dicomDeidentify.ts";
import { KEPT_ATTRIBUTES, knownRepresentation, RETAINABLE } from "./dicomKept.ts";
import { BASIC_PROFILE } from "./dicomProfile.ts";
import { DicomRules, refusalOf } from "./dicomRules.ts";
import { hashPatientKey } from "./patientKey.ts";

const secret = new Uint8Array(32).fill(5);
const plain = DicomRules.parse({});
const object = (dataset: DicomDataset) => ({ dataset, transferSyntax: EXPLICIT_LITTLE_ENDIAN });
const clean = (dataset: DicomDataset, rules = plain) => deidentifyDicom(object(dataset), rules, secret, "PATIENT-7");
const bytes = (text: string) => Buffer.from(text, "latin1");

/** A value of the kind that stands nowhere else, and the bytes to look for. */
function filled(tag: number, vr: string, n: number): { element: DicomElement; secretBytes: Buffer } {
  const code = String(1000 + n);
  const text: Record<string, string> = {
    DA: `1987${String(1 + (n % 12)).padStart(2, "0")}${String(1 + (n % 28)).padStart(2, "0")}`,
    DT: `1987${code}112233.44`,
    TM: `13${code}.77`,
    UI: `1.2.777.${code}.5`,
    AS: `0${n % 90}Y`.padStart(4, "0"),
    DS: `98${code}.125`,
    IS: `98${code}`,
    CS: `SECRET${code}`,
    AE: `SECRET${code}`,
    PN: `Secret^Name${code}`,
  };
  if (vr === "SQ") {
    const inside = bytes(`Nested^Secret${code}`);
    const items = [
      datasetOf([
        textElement(0x00100010, "PN", inside.toString("latin1")),
        textElement(0x00081155, "UI", `1.2.778.${code}`),
        textElement(0x00091010, "LO", `Private${code}`),
      ]),
    ];
    return { element: { tag, vr, value: { kind: "items", items } }, secretBytes: inside };
  }
  const value = bytes(text[vr] ?? `Secret ${code} text`);
  return { element: { tag, vr, value: { kind: "bytes", bytes: value } }, secretBytes: value };
}

/** Every attribute of the table, and what is to be removed by rule. */
function everything(): { elements: DicomElement[]; secrets: Buffer[] } {
  const rows = [...BASIC_PROFILE.values()].filter(({ tag }) => tag >= 0x00080000 && tag !== TAG.patientId);
  const made = rows.map(({ tag, vr }, n) => filled(tag, vr, n));
  const others = [0x00110010, 0x00111001, 0x50000103, 0x50020010, 0x60003000, 0x60020022, 0x00080124, 0x00189999];
  const more = others.map((tag, n) => filled(tag, "LO", 7000 + n));
  const all = [...made, ...more];
  return { elements: all.map(({ element }) => element), secrets: all.map(({ secretBytes }) => secretBytes) };
}

describe("[DEI1] no value of the profile's attributes is in the output, wherever it stood", () => {
  const { elements, secrets } = everything();
  const groups: DicomElement = {
    tag: TAG.sharedFunctionalGroups,
    vr: "SQ",
    value: {
      kind: "items",
      items: [
        datasetOf([...elements, { tag: 0x00289110, vr: "SQ", value: { kind: "items", items: [datasetOf(elements)] } }]),
      ],
    },
  };

  test.each([
    ["at the top", elements],
    ["in nested sequences", [groups]],
    ["in both", [...elements, groups]],
  ])("every attribute filled, %s", (_, given) => {
    const before = Buffer.from(writeDicom(object(greyImage(4, 4, given))));
    for (const value of secrets) expect(before.includes(value)).toBe(true);
    for (const dates of ["remove", "shift"] as const) {
      const cleaned = clean(greyImage(4, 4, given), { ...plain, dates, times: "remove" });
      const after = Buffer.from(writeDicom(cleaned.object));
      const left = secrets.filter((value) => after.includes(value)).map((value) => value.toString("latin1"));
      expect(left).toEqual([]);
      expect(after.includes("PATIENT-7")).toBe(false);
      expect(after.includes("Private")).toBe(false);
      const again = readDicom(after, knownRepresentation);
      expect(textOf(again.dataset, 0x00120062)).toBe("YES");
      expect(again.dataset.get(TAG.pixelData)).toBeDefined();
    }
  });

  test("the table has the standard's 652 attributes by tag, and none of them is kept for another reason", () => {
    expect(BASIC_PROFILE.size).toBe(652);
    expect([...KEPT_ATTRIBUTES.keys()].filter((tag) => BASIC_PROFILE.has(tag))).toEqual([]);
    expect([...BASIC_PROFILE.values()].filter(({ vr, name }) => vr.length !== 2 || name === "")).toEqual([]);
    expect(
      [...KEPT_ATTRIBUTES.values()].filter(({ vr }) => ["PN", "ST", "LT", "UT", "SH", "DA", "DT"].includes(vr)),
    ).toEqual([]);
  });

  test("what was done is told by attribute and count, without a value", () => {
    const { deeds } = clean(greyImage(4, 4, elements));
    const told = JSON.stringify(deeds);
    for (const value of secrets) expect(told).not.toContain(value.toString("latin1"));
    expect(deeds.find(({ name }) => name === "PatientName")).toEqual({
      tag: 0x00100010,
      name: "PatientName",
      deed: "emptied",
      count: 1,
    });
    expect(deeds.filter(({ name }) => name === "private attribute").reduce((sum, { count }) => sum + count, 0)).toBe(2);
    expect(deeds.filter(({ name }) => name === "overlay")).toHaveLength(2);
  });
});

describe("[DEI2] only listed attributes stay, in their plain form", () => {
  test.each([
    ["a code with a name in it", textElement(0x00180015, "CS", "Doe^John")],
    ["a number with words", textElement(0x00180050, "DS", "5 for Mr Doe")],
    ["a text where a number belongs", { ...textElement(0x00280010, "LT", "Doe"), tag: 0x00281101 }],
    ["a class that is not the standard's", textElement(0x00080016, "UI", "1.2.276.99.7")],
  ])("%s is removed", (_, element) => {
    const { object: after, deeds } = clean(greyImage(2, 2, [element]));
    expect(after.dataset.has(element.tag)).toBe(false);
    expect(deeds.find(({ tag }) => tag === element.tag)?.deed).toBe("removed");
  });

  test("geometry and pixels stay as they were", () => {
    const given = greyImage(3, 5, [textElement(0x00280030, "DS", "0.5\\0.25"), textElement(0x00180015, "CS", "CHEST")]);
    const { dataset } = clean(given).object;
    for (const tag of [TAG.rows, TAG.columns, TAG.bitsStored, 0x00280030, 0x00180015])
      expect(dataset.get(tag)).toEqual(given.get(tag));
  });

  test.each(["US", "OW"])(
    "tables end with their last entry, written as %s too, and units are the standard's own",
    (vr) => {
      const words = (tag: number, kind: string, values: readonly number[], more = "") => {
        const value = {
          kind: "bytes",
          bytes: Buffer.concat([Buffer.from(Uint16Array.from(values).buffer), bytes(more)]),
        };
        return { tag, vr: kind, value: { kind: "bytes", bytes: value.bytes } } satisfies DicomElement;
      };
      const table = (descriptor: number, data: number) => [
        words(descriptor, "US", [2, 0, 16]),
        words(data, data === 0x00283006 ? vr : "OW", [7, 9], "Doe^John"),
      ];
      const nested = [datasetOf(table(0x00283002, 0x00283006))];
      const given = [
        ...table(0x00281101, 0x00281201),
        words(0x00281202, "OW", [], "no descriptor"),
        { tag: 0x00283010, vr: "SQ", value: { kind: "items", items: nested } } satisfies DicomElement,
      ];
      const { dataset } = clean(greyImage(2, 2, given)).object;
      const [window] = itemsOf(dataset, 0x00283010);
      const cut = Buffer.from([7, 0, 9, 0]);
      expect([bytesOf(dataset, 0x00281201), window && bytesOf(window, 0x00283006)]).toEqual([cut, cut]);
      expect(dataset.has(0x00281202)).toBe(false);
      const unit = (text: string) => clean(greyImage(2, 2, [textElement(0x00281054, "LO", text)])).object.dataset;
      expect([unit("HU ").has(0x00281054), unit("DOE.JOHN-1955").has(0x00281054)]).toEqual([true, false]);
    },
  );

  test("bits that pixels don't use, and bytes behind them, are no hiding place", () => {
    const pixels = Buffer.from([0xff, 0xf0, 0x01, 0x80, ...bytes("Doe^John")]);
    const hidden = { tag: TAG.pixelData, vr: "OW", value: { kind: "bytes", bytes: pixels } } satisfies DicomElement;
    const value = clean(greyImage(1, 2, [hidden])).object.dataset.get(TAG.pixelData)?.value;
    expect(value).toEqual({ kind: "bytes", bytes: Uint8Array.of(0xff, 0x00, 0x01, 0x00) });
  });
});

describe("[DEI3] identifiers and dates stay consistent at one site, and nowhere else", () => {
  test("a UID becomes another of at most 64 characters, the same each time", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 64 }), (uid) => {
        const mapped = remappedUid(secret, uid);
        expect(mapped).toMatch(/^2\.25\.[1-9]\d{10,38}$/);
        expect(mapped).toBe(remappedUid(secret, uid));
        expect(mapped).not.toBe(remappedUid(new Uint8Array(32).fill(6), uid));
      }),
    );
    const uid = "1.2.840.99.1";
    const nested = datasetOf([textElement(0x0020000e, "UI", uid)]);
    const groups = { tag: TAG.sharedFunctionalGroups, vr: "SQ", value: { kind: "items", items: [nested] } } as const;
    const { dataset } = clean(greyImage(2, 2, [textElement(0x0020000e, "UI", uid), groups])).object;
    expect(textOf(dataset, 0x0020000e)).toBe(remappedUid(secret, uid));
    expect(itemsOf(dataset, TAG.sharedFunctionalGroups).map((item) => textOf(item, 0x0020000e))).toEqual([
      remappedUid(secret, uid),
    ]);
  });

  test("a patient is one, however the identifier is filled up", () => {
    const key = (text: string) =>
      textOf(clean(greyImage(2, 2, [textElement(TAG.patientId, "LO", text)])).object.dataset, TAG.patientId);
    expect([key(" 17 "), key("17\\18")]).toEqual([key("17"), key("17")]);
    expect(key("17")).toBe(hashPatientKey(secret, "17"));
  });

  test("dates go unless shifted; shifted, a patient's keep their distance", () => {
    const given = greyImage(2, 2, [
      textElement(0x00080020, "DA", "20260301"),
      textElement(0x00080022, "DA", "20260315"),
      textElement(0x00080030, "TM", "101112.5"),
      textElement(0x00100030, "DA", "19600102"),
    ]);
    const gone = clean(given).object.dataset;
    expect([textOf(gone, 0x00080020), gone.has(0x00080022), textOf(gone, 0x00280303)]).toEqual([
      null,
      false,
      "REMOVED",
    ]);
    const kept = clean(given, { ...plain, dates: "shift", times: "keep" }).object.dataset;
    const days = daysOfPatient(secret, "PATIENT-7");
    expect(textOf(kept, 0x00080020)).toBe(shiftedDate("20260301", days));
    expect(textOf(kept, 0x00080022)).toBe(shiftedDate("20260315", days));
    expect([textOf(kept, 0x00080030), textOf(kept, 0x00100030), textOf(kept, 0x00280303)]).toEqual([
      "101112.5",
      null,
      "MODIFIED",
    ]);
    expect(textOf(clean(given, { ...plain, dates: "shift" }).object.dataset, 0x00080030)).toBeNull();
  });

  test.each([
    ["20240301", 1, "20240229"],
    ["20260101", 366, "20241231"],
    ["20240301120000", 1, "20240229"],
    ["20240230", 1, null],
    ["March 1", 1, null],
  ])("%s less %i days is %s", (date, days, wanted) => {
    expect(shiftedDate(date, days)).toBe(wanted);
  });

  test("retained characteristics are declared; ages above 89 are one class", () => {
    const rules = DicomRules.parse({ keep: ["PatientAge", "PatientSex"] });
    const given = greyImage(2, 2, [textElement(0x00101010, "AS", "097Y"), textElement(0x00100040, "CS", "F")]);
    const { dataset } = clean(given, rules).object;
    expect([textOf(dataset, 0x00101010), textOf(dataset, 0x00100040)]).toEqual(["090Y", "F"]);
    const codes = itemsOf(dataset, 0x00120064).map((item) => textOf(item, 0x00080100));
    expect(codes).toEqual(["113100", "113108"]);
    expect(textOf(clean(given).object.dataset, 0x00100040)).toBeNull();
    expect(DicomRules.safeParse({ keep: ["PatientName"] }).success).toBe(false);
    expect([...RETAINABLE.keys()].every((tag) => BASIC_PROFILE.has(tag))).toBe(true);
  });
});

describe("[DEI4] what may show a name is refused unless somebody looked", () => {
  const refusal = (elements: readonly DicomElement[], rules: Partial<DicomRules> = {}) =>
    refusalOf(object(greyImage(2, 2, elements)), { ...plain, ...rules });
  const kind = (uid: string) => textElement(TAG.sopClass, "UI", `1.2.840.10008.5.1.4.1.1.${uid}`);

  test.each([
    ["88.33", "structured-report"],
    ["104.1", "encapsulated-document"],
    ["7", "secondary-capture"],
    ["11.1", "presentation-state"],
    ["9.1.1", "waveform"],
    ["481.5", "no-image"],
    ["66.4", "no-image"],
  ])("SOP class …%s: %s", (uid, wanted) => {
    expect(refusal([kind(uid)])).toBe(wanted);
  });

  test("burned-in text: said, usual and unsaid, denied", () => {
    const us = textElement(TAG.modality, "CS", "US");
    expect(refusal([])).toBeNull();
    expect(refusal([textElement(TAG.burnedIn, "CS", "YES")])).toBe("burned-in");
    expect(refusal([us])).toBe("burned-in");
    expect(refusal([us, textElement(TAG.burnedIn, "CS", "NO")])).toBeNull();
    expect(refusal([us], { burnedIn: "none" })).toBeNull();
    expect(refusal([kind("7")], { secondaryCapture: true })).toBe("burned-in");
    expect(refusal([textElement(TAG.patientId, "LO", " ")])).toBe("no-patient");
    expect(refusal([shortElement(TAG.frames, 1)])).toBeNull();
  });
});
