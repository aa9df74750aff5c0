// A headless Chromium with WebGPU on SwiftShader.
import { existsSync } from "node:fs";

const flags = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-unsafe-swiftshader",
  "--enable-features=Vulkan",
  "--use-angle=swiftshader",
  "--ignore-gpu-blocklist",
];

/** With more flags of Chromium's. Throws a sentence that says how to get one where none starts. */
export async function launchChromium(more = []) {
  const { chromium } = await import("playwright-core");
  const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
    (path) => path && existsSync(path),
  );
  try {
    return await chromium.launch({ executablePath, args: [...flags, ...more] });
  } catch (error) {
    throw new Error(
      `no Chromium starts (${String(error.message).split("\n")[0]}); install one (apt-get install chromium, ` +
        "or npx playwright-core install chromium) or name it in CHROMIUM",
    );
  }
}
