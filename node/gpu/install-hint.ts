// What to install so that a GPU, or a fast software one, is found here: one table over Linux distributions.

import { readFileSync, readdirSync } from "node:fs";

export interface SystemFacts {
  platform: NodeJS.Platform;
  arch: string;
  /** glibc's version at run time; undefined on musl and off Linux. */
  glibc?: string;
  /** Fields of /etc/os-release. */
  os: Readonly<Record<string, string>>;
  /** Whether apt knows a -backports source. */
  backports?: boolean;
  /** Whether apt's sources are in the one-line format of sources.list. */
  oneLineSources?: boolean;
  root?: boolean;
}

export interface InstallHint {
  /** Whether Dawn (npm webgpu) can load here at all. */
  possible: boolean;
  /** One sentence. */
  summary: string;
  /** Shell commands, to be run in order. */
  commands: string[];
}

/** Dawn's binary needs glibc 2.34. */
const leastGlibcMinor = 34;
const mesa = "mesa-vulkan-drivers";

/** The version of the npm package that carries SwiftShader and still runs on Node 20. */
const softwareCarrier = "@sparticuz/chromium@147.0.0";

interface Row {
  is(os: Readonly<Record<string, string>>): boolean;
  summary: string;
  commands(s: SystemFacts): string[];
}

const ids = (os: Readonly<Record<string, string>>): string[] => [os.ID ?? "", ...(os.ID_LIKE ?? "").split(" ")];
const version = (os: Readonly<Record<string, string>>): number => parseFloat(os.VERSION_ID ?? "") || Infinity;
const apt = (options: string): string[] => ["sudo apt-get update", `sudo apt-get install -y ${options}${mesa}`];

/** Adds the backports of the mirror that apt uses already. */
const addBackports = {
  stanzas: "sudo sed -i '0,/^Suites:.*/s//& bookworm-backports/' /etc/apt/sources.list.d/debian.sources",
  lines:
    "sed -n 's/^deb \\(.*\\) bookworm main.*/deb \\1 bookworm-backports main/p' /etc/apt/sources.list" +
    " | head -n 1 | sudo tee /etc/apt/sources.list.d/backports.list",
};

const rows: Row[] = [
  {
    is: (os) => os.ID === "debian" && version(os) === 12,
    summary: "Debian 12's own Mesa (22.3) is too old for Dawn; the one in its backports (25.0) is not",
    commands: (s) => [
      ...(s.backports ? [] : [s.oneLineSources ? addBackports.lines : addBackports.stanzas]),
      ...apt("-t bookworm-backports "),
    ],
  },
  {
    is: (os) => os.ID === "ubuntu" && version(os) < 24,
    summary:
      "Ubuntu before 24.04 carries a Mesa older than 24.2, which may be refused: " +
      "then upgrade the system, or stay with SwiftShader",
    commands: () => apt(""),
  },
  {
    is: (os) => ids(os).some((id) => id === "debian" || id === "ubuntu"),
    summary: "this system's Mesa is new enough",
    commands: () => apt(""),
  },
  {
    is: (os) => ids(os).some((id) => ["fedora", "rhel", "centos", "amzn"].includes(id)),
    summary: "Mesa is new enough (24.2) from Fedora 41, RHEL 9.6 and Amazon Linux 2023 on",
    commands: () => [`sudo dnf install -y ${mesa} vulkan-loader`],
  },
  {
    is: (os) => ids(os).includes("arch"),
    summary: "Arch's Mesa is new enough",
    commands: () => ["sudo pacman -S --needed vulkan-icd-loader vulkan-swrast"],
  },
  {
    is: (os) => ids(os).some((id) => id === "suse" || id.startsWith("opensuse")),
    summary: "openSUSE's Mesa has lavapipe",
    commands: () => ["sudo zypper install libvulkan_lvp libvulkan1"],
  },
];

/** What to install for speed on a system. A real GPU needs its vendor's driver besides. */
export function installHint(s: SystemFacts): InstallHint {
  const hint = (possible: boolean, summary: string, commands: string[] = []): InstallHint => ({
    possible,
    summary,
    commands: s.root ? commands.map((c) => c.replaceAll("sudo ", "")) : commands,
  });
  if (s.platform === "darwin") return hint(true, "macOS brings Metal: nothing to install");
  if (s.platform === "win32")
    return hint(true, "Windows brings Direct3D 12: nothing to install but the GPU vendor's driver");
  if (s.platform !== "linux" || (s.arch !== "x64" && s.arch !== "arm64")) {
    return hint(false, `Dawn has no build for ${s.platform} ${s.arch}: use Linux (x64, arm64), macOS or Windows`);
  }
  if (s.glibc === undefined || ids(s.os).includes("alpine")) {
    return hint(
      false,
      "Dawn needs glibc, which Alpine and other musl systems lack: " +
        "use a Debian-based image such as node:20-bookworm-slim",
    );
  }
  if (Number(s.glibc.split(".")[1]) < leastGlibcMinor) {
    return hint(
      false,
      `Dawn needs glibc >= 2.${leastGlibcMinor} and this system has ${s.glibc}: ` +
        "use Debian 12, Ubuntu 22.04, RHEL 9 or newer",
    );
  }
  const row = rows.find((r) => r.is(s.os));
  return row
    ? hint(true, row.summary, row.commands(s))
    : hint(
        true,
        `install a Vulkan driver of Mesa >= 24.2 (${mesa}) and the Vulkan loader (libvulkan.so.1) ` +
          "with this system's package manager",
      );
}

/** Facts of the machine this runs on. */
export function readSystem(): SystemFacts {
  const system: SystemFacts = {
    platform: process.platform,
    arch: process.arch,
    os: {},
    root: process.getuid?.() === 0,
  };
  if (process.platform !== "linux") return system;
  const sources = aptSources();
  return {
    ...system,
    glibc: glibcVersion(),
    os: parseOsRelease(textOf("/etc/os-release") || textOf("/usr/lib/os-release")),
    backports: /^(deb\s|Suites:).*-backports\b/m.test(sources),
    oneLineSources: !/^Suites:/m.test(sources),
  };
}

/** KEY=value lines, the value quoted or not. */
export function parseOsRelease(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/^(\w+)=(["']?)(.*)\2$/gm)].map(([, key, , value]) => [key, value]));
}

function aptSources(): string {
  const folder = "/etc/apt/sources.list.d";
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => /\.(list|sources)$/.test(name));
  } catch {
    /* not a Debian */
  }
  return ["/etc/apt/sources.list", ...names.map((name) => `${folder}/${name}`)].map(textOf).join("\n");
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function glibcVersion(): string | undefined {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  report.excludeNetwork = true; // else every interface's name is looked up
  return (report.getReport() as { header?: { glibcVersionRuntime?: string } }).header?.glibcVersionRuntime;
}

/** The mend of a GPU that was not found, as one clause with the exact command for this system. */
export function describeMend({ dawnLoads }: { dawnLoads: boolean }, system = readSystem()): string {
  const { possible, summary, commands } = installHint(system);
  if (!possible) return summary;
  if (!dawnLoads)
    return "run `npm ci` (or `npm install`) again on this system: its native binary is missing or of another platform";
  const noRoot =
    system.platform === "linux" && system.arch === "x64"
      ? `, or without root \`npm install ${softwareCarrier}\` (SwiftShader, slow)`
      : "";
  return commands.length > 0 ? `install a Vulkan driver: \`${commands.join(" && ")}\`${noRoot}` : `${summary}${noRoot}`;
}
