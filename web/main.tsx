// The studio's page. Without WebGPU it says what to do in this browser.
import { render } from "preact";
import { App } from "./app.tsx";
import { NoGpu } from "./no-gpu.tsx";

const adapter = "gpu" in navigator ? await navigator.gpu.requestAdapter().catch(() => null) : null;
// What stands in the page meanwhile is the studio's frame.
if (!adapter) document.body.replaceChildren();
render(adapter ? <App /> : <NoGpu hasApi={"gpu" in navigator} />, document.body);
