// One grey DICOM image of 4 × 4 words made by dcmtk, and what dcmtk finds in a file.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

export const run = (command, ...rest) => execFileSync(command, rest, { encoding: "utf8", stdio: "pipe" });

export function save(name, words, { bitsStored = 16, highBit = 15, signed = false } = {}) {
  const elements = [
    "(0002,0010) UI 1.2.840.10008.1.2.1",
    "(0008,0016) UI 1.2.840.10008.5.1.4.1.1.7",
    "(0008,0018) UI 2.25.1",
    "(0028,0002) US 1",
    "(0028,0004) CS MONOCHROME2",
    "(0028,0010) US 4",
    "(0028,0011) US 4",
    "(0028,0100) US 16",
    `(0028,0101) US ${bitsStored}`,
    `(0028,0102) US ${highBit}`,
    `(0028,0103) US ${signed ? 1 : 0}`,
    `(7fe0,0010) OW ${words.map((v) => (v & 0xffff).toString(16)).join("\\")}`,
  ];
  writeFileSync("elements.txt", `${elements.join("\n")}\n`);
  run("dump2dcm", "elements.txt", name);
}

// The one value of an attribute "gggg,eeee"; of many, with backslashes between.
export const attribute = (name, tag) => run("dcmdump", "+L", "+P", tag, name).split(" ")[2];

// The words of the pixels, which are not compressed.
export function pixels(name, signed = false) {
  const words = attribute(name, "7fe0,0010")
    .split("\\")
    .map((word) => Number.parseInt(word, 16));
  return signed ? [...Int16Array.from(words)] : words;
}

// The JPEG stream of the one frame.
export function jpeg(name) {
  const bytes = readFileSync(name);
  return bytes.subarray(bytes.indexOf("ffd8ff", 0, "hex"), bytes.lastIndexOf("ffd9", undefined, "hex") + 2);
}
