// What is shown where a browser has no WebGPU: what to do there.
import type { JSX } from "preact";

const ADVICE: readonly (readonly [browser: RegExp, advice: string])[] = [
  [
    /Firefox/,
    "Firefox has WebGPU from version 141 on Windows and 145 on Macs with Apple's chips; elsewhere use Chrome or Edge, or Firefox Nightly with dom.webgpu.enabled in about:config.",
  ],
  [
    /Edg|Chrome|Chromium/,
    "Turn on hardware acceleration in the settings. On Linux start the browser with --enable-unsafe-webgpu --enable-features=Vulkan.",
  ],
  [/Safari/, "Safari has WebGPU from version 26 on: update macOS, iOS or iPadOS."],
];

export function NoGpu({ hasApi }: { readonly hasApi: boolean }): JSX.Element {
  const [, advice] = ADVICE.find(([browser]) => browser.test(navigator.userAgent)) ?? [
    undefined,
    "Use a recent Chrome, Edge, Firefox or Safari.",
  ];
  return (
    <main class="no-gpu">
      <h1>cmedl studio</h1>
      <p role="alert">
        {hasApi
          ? "This browser has WebGPU, but found no graphics adapter that it may use."
          : "This browser has no WebGPU, by which the studio computes."}
      </p>
      <p>{advice}</p>
      {!window.isSecureContext && <p>The page must come by https: or from localhost.</p>}
    </main>
  );
}
