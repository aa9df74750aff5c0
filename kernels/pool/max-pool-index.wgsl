// index[n,p,q,c] = h·W + w of the element that max-pool takes: the first of equal maxima, the last NaN, −1 where a
// window holds nothing but padding. Windows, threads and layouts as in max-pool.wgsl. Needs: c % LANES == 0.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
struct Params {
  n : u32, h : u32, w : u32, c : u32, p : u32, q : u32,
  kernelY : u32, kernelX : u32, strideY : u32, strideX : u32, padY : u32, padX : u32, dilationY : u32, dilationX : u32,
}
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> index : array<I>;

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
  let firstY = (row - image * params.p) * params.strideY - params.padY;
  let firstX = (column - row * params.q) * params.strideX - params.padX;
  var best = F();
  var at = I(-1);
  for (var r = 0u; r < params.kernelY; r += 1u) {
    let h = firstY + r * params.dilationY;
    if (h >= params.h) { continue; }
    for (var s = 0u; s < params.kernelX; s += 1u) {
      let w = firstX + s * params.dilationX;
      if (w >= params.w) { continue; }
      let v = F(x[((image * params.h + h) * params.w + w) * depth + c]);
      let better = (v > best) | nan(v) | (at < I(0));
      best = select(best, v, better);
      at = select(at, I(i32(h * params.w + w)), better);
    }
  }
  index[t] = at;
}
