// The attributes of a DICOM file or of a sequence's item, each read by its keyword.
import dicomParser, { type DataSet, type Element } from "dicom-parser";
import { DataError, printable } from "../../errors.ts";
import { type Keyword, tagName, tagOf } from "./dictionary.ts";
import { ownOf } from "../../own.ts";

export class Tags {
  constructor(
    readonly file: string,
    readonly set: DataSet,
    /** As the file's SpecificCharacterSet names them. */
    readonly characters: TextDecoder,
  ) {}

  element(keyword: Keyword): Element | undefined {
    const element = this.set.elements[tagOf[keyword]];
    return element && element.length > 0 ? element : undefined;
  }

  has(keyword: Keyword): boolean {
    return this.element(keyword) !== undefined;
  }

  /** Text without padding; undefined where it is absent or empty. */
  text(keyword: Keyword): string | undefined {
    const element = this.element(keyword);
    if (!element) return undefined;
    const text = this.characters
      .decode(this.bytesOf(element))
      .replace(/[\0 ]+$/, "")
      .trimStart();
    return text === "" ? undefined : text;
  }

  /** Numbers that are stored as text (DS, IS); of VR UN too, as long values may be. NaN stands for what is none. */
  decimals(keyword: Keyword): number[] | undefined {
    const text = this.text(keyword);
    return text?.split("\\").map((v) => (v.trim() === "" ? Number.NaN : Number(v)));
  }

  /** The first of `decimals`. Throws DataError where it is not finite. */
  decimal(keyword: Keyword): number | undefined {
    const value = this.decimals(keyword)?.[0];
    if (value !== undefined && !Number.isFinite(value)) throw this.wrong(keyword, `${this.text(keyword)} is no number`);
    return value;
  }

  /** `count` finite numbers that are stored as text. Throws DataError where they are others. */
  vector(keyword: Keyword, count: number): number[] | undefined {
    const values = this.decimals(keyword);
    if (values && !(values.length === count && values.every(Number.isFinite)))
      throw this.wrong(keyword, `${printable(this.text(keyword)!, 60)} is not ${count} numbers`);
    return values;
  }

  /** A number of 16 bits (US, or SS where `signed`). Throws DataError where it is longer or shorter. */
  short(keyword: Keyword, signed = false): number | undefined {
    const element = this.element(keyword);
    if (!element) return undefined;
    if (element.length !== 2) throw this.wrong(keyword, `${element.length} bytes where 2 are due`);
    return signed ? this.set.int16(tagOf[keyword]) : this.set.uint16(tagOf[keyword]);
  }

  /** The items of a sequence; none where it is absent. Of VR UN, it is one in implicit VR (PS3.5 6.2.2). */
  items(keyword: Keyword): Tags[] {
    const element = this.set.elements[tagOf[keyword]];
    if (element?.vr === "UN" && !element.items && element.length >= 8) {
      const bytes = this.bytesOf(element);
      const stream = new dicomParser.ByteStream(dicomParser.littleEndianByteArrayParser, bytes, 0);
      const inside: Element = { tag: element.tag, length: element.length, dataOffset: 0 };
      dicomParser.readSequenceItemsImplicit(stream, inside);
      element.items = inside.items ?? [];
    }
    const items = element?.items ?? [];
    return items.flatMap(({ dataSet }) => (dataSet ? new Tags(this.file, dataSet, this.characters) : []));
  }

  /** The first item of a sequence. */
  item(keyword: Keyword): Tags | undefined {
    return this.items(keyword)[0];
  }

  /** Makes the error for a wrong or missing attribute. */
  wrong(keyword: Keyword, problem: string, mend = "export the DICOM again"): DataError {
    return new DataError(this.file, `${keyword} ${tagName(keyword)}`, problem, mend);
  }

  bytesOf({ dataOffset, length }: Element): Uint8Array {
    return this.set.byteArray.subarray(dataOffset, dataOffset + length);
  }
}

const characterSets: Readonly<Record<string, string>> = {
  ISO_IR_13: "shift_jis",
  ISO_IR_101: "iso-8859-2",
  ISO_IR_109: "iso-8859-3",
  ISO_IR_110: "iso-8859-4",
  ISO_IR_126: "iso-8859-7",
  ISO_IR_127: "iso-8859-6",
  ISO_IR_138: "iso-8859-8",
  ISO_IR_144: "iso-8859-5",
  ISO_IR_148: "iso-8859-9",
  ISO_IR_166: "windows-874",
  ISO_IR_192: "utf-8",
  ISO_2022_IR_87: "iso-2022-jp",
  ISO_2022_IR_149: "euc-kr",
  GB18030: "gb18030",
  GBK: "gbk",
};

/** The decoder of a SpecificCharacterSet's last name (PS3.3 C.12.1.1.2); Latin-1 where there is none that is known. */
export function decoderOf(specificCharacterSet: string | undefined): TextDecoder {
  const name = specificCharacterSet?.split("\\").at(-1)?.trim().replaceAll(" ", "_") ?? "";
  return new TextDecoder(ownOf(characterSets, name) ?? "latin1");
}
