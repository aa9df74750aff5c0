// y[n,p,q,c] = max over r,s of x[n, p·strideY − padY + r·dilationY, q·strideX − padX + s·dilationX, c];
// padding is −∞, NaN wins.
// One thread computes one F of y. Layouts: x NHWC · y NPQC. Needs: c % LANES == 0.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
const INSIDE = 0u;           // seam: height and width of windows that are all inside the image, 0 for others
struct Params {
  n : u32, h : u32, w : u32, c : u32, p : u32, q : u32,
  kernelY : u32, kernelX : u32, strideY : u32, strideX : u32, padY : u32, padX : u32, dilationY : u32, dilationX : u32,
}
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

fn nan(v : F) -> B { return (bitcast<U>(v) & U(0x7fffffffu)) > U(0x7f800000u); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.n * params.p * params.q * depth) { return; }
  let column = t / depth;
  let c = t - column * depth;
  let row = column / params.q;
  let image = row / params.p;
  // Coordinates left of or above the image wrap to huge numbers, so that one comparison finds both edges.
  let firstY = (row - image * params.p) * params.strideY - params.padY;
  let firstX = (column - row * params.q) * params.strideX - params.padX;
  var lowest = 0xff800000u;  // −∞; a variable, since WGSL forbids constants that are not finite
  var best = F(bitcast<f32>(lowest));
  for (var r = 0u; r < select(INSIDE, params.kernelY, INSIDE == 0u); r += 1u) {
    let h = firstY + r * params.dilationY;
    if (INSIDE == 0u && h >= params.h) { continue; }
    let line = (image * params.h + h) * params.w;
    for (var s = 0u; s < select(INSIDE, params.kernelX, INSIDE == 0u); s += 1u) {
      let w = firstX + s * params.dilationX;
      if (INSIDE == 0u && w >= params.w) { continue; }
      let v = F(x[(line + w) * depth + c]);
      best = select(best, v, (v > best) | nan(v));
    }
  }
  y[t] = Elem(epilogue(best, t));
}
