// What is used of dcmjs, which comes without types.

declare module "dcmjs" {
  type Dictionary = Record<string, unknown>;
  class DicomDict {
    constructor(meta: Dictionary);
    dict: Dictionary;
    write(options?: { TransferSyntaxUID?: string }): ArrayBuffer;
  }
  const dcmjs: {
    data: {
      DicomDict: typeof DicomDict;
      DicomMetaDictionary: { denaturalizeDataset(dataset: Dictionary): Dictionary };
    };
    log: { setLevel(level: string): void };
  };
  export default dcmjs;
}
