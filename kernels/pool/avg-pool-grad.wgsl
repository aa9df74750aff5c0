// dx[n,h,w,c] = Σ dy[n,p,q,c] / divisor(p, q) over the windows (p, q) of avg-pool that hold (h, w): its transpose.
// One thread computes one F of dx and sums in row-major order of p, q. Layouts: dx NHWC · dy NPQC.
// Needs: as avg-pool.wgsl.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
const ADAPTIVE = false;      // seam
const COUNT_PAD = true;      // seam
struct Params {
  n : u32, h : u32, w : u32, c : u32, p : u32, q : u32,
  kernelY : u32, kernelX : u32, strideY : u32, strideX : u32, padY : u32, padX : u32,
  divisor : f32,
}
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> dy : array<Elem>;
@group(0) @binding(2) var<storage, read_write> dx : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// How many elements along an axis count in the o-th window.
fn counted(o : u32, size : u32, outs : u32, kernel : u32, stride : u32, pad : u32) -> u32 {
  if (ADAPTIVE) { return ((o + 1u) * size + outs - 1u) / outs - o * size / outs; }
  let begin = o * stride;
  let stop = min(begin + kernel, size + 2u * pad);
  if (COUNT_PAD) { return stop - begin; }
  return min(max(stop, pad), size + pad) - max(begin, pad);
}

// First window that holds element i along an axis, and one past the last.
fn around(i : u32, size : u32, outs : u32, kernel : u32, stride : u32, pad : u32) -> vec2<u32> {
  if (ADAPTIVE) { return vec2<u32>(i * outs / size, ((i + 1u) * outs + size - 1u) / size); }
  let a = i + pad;
  return vec2<u32>((a + 1u - min(a + 1u, kernel) + stride - 1u) / stride, min(a / stride + 1u, outs));
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
  let rows = around(row - image * params.h, params.h, params.p, params.kernelY, params.strideY, params.padY);
  let columns = around(column - row * params.w, params.w, params.q, params.kernelX, params.strideX, params.padX);
  var sum = F();
  for (var p = rows.x; p < rows.y; p += 1u) {
    let high = counted(p, params.h, params.p, params.kernelY, params.strideY, params.padY);
    for (var q = columns.x; q < columns.y; q += 1u) {
      let size = f32(high * counted(q, params.w, params.q, params.kernelX, params.strideX, params.padX));
      sum += F(dy[((image * params.p + p) * params.q + q) * depth + c]) / F(select(params.divisor, size, params.divisor == 0.0));
    }
  }
  dx[t] = Elem(epilogue(sum, t));
}
