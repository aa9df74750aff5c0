interface LockedPackage {
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
export interface ListedPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}
export function closure(
  packages: Readonly<Record<string, LockedPackage>>,
  names: Iterable<string>,
  options?: { readonly optional?: boolean },
): ListedPackage[];
