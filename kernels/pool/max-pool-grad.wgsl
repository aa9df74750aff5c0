// dx[n,h,w,c] = Σ dy[n,p,q,c] over the windows (p, q) around (h, w) with index[n,p,q,c] == h·W + w.
// One thread computes one F of dx and sums in row-major order of p, q. Layouts: dx NHWC · dy, index NPQC.
// Needs: c % LANES == 0.
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
@group(0) @binding(1) var<storage, read> index : array<I>;
@group(0) @binding(2) var<storage, read> dy : array<Elem>;
@group(0) @binding(3) var<storage, read_write> dx : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// First window that reaches padded coordinate `a`, and one past the last.
fn around(a : u32, reach : u32, stride : u32, windows : u32) -> vec2<u32> {
  let beyond = a - min(a, reach);
  return vec2<u32>((beyond + stride - 1u) / stride, min(a / stride + 1u, windows));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.n * params.h * params.w * depth) { return; }
  let column = t / depth;
  let c = t - column * depth;
  let row = column / params.w;
  let image = row / params.h;
  let h = row - image * params.h;
  let w = column - row * params.w;
  let rows = around(h + params.padY, (params.kernelY - 1u) * params.dilationY, params.strideY, params.p);
  let columns = around(w + params.padX, (params.kernelX - 1u) * params.dilationX, params.strideX, params.q);
  let here = I(i32(h * params.w + w));
  var sum = F();
  for (var p = rows.x; p < rows.y; p += 1u) {
    for (var q = columns.x; q < columns.y; q += 1u) {
      let o = ((image * params.p + p) * params.q + q) * depth + c;
      sum += select(F(), F(dy[o]), index[o] == here);
    }
  }
  dx[t] = Elem(epilogue(sum, t));
}
