// dx of max-pool where windows do not overlap, in one pass:
// dx[n,h,w,c] = dy[n,p,q,c] at the element that window (p, q) takes, else 0.
// One thread scans one window of one F and writes its cell:
// the window, the gap to the next, and what is left at the image's edges.
// Layouts: x, dx NHWC · dy NPQC. Needs: c % LANES == 0, stride ≥ kernel, dilation 1.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
struct Params {
  n : u32, h : u32, w : u32, c : u32, p : u32, q : u32,
  kernelY : u32, kernelX : u32, strideY : u32, strideX : u32, padY : u32, padX : u32,
}
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read> dy : array<Elem>;
@group(0) @binding(3) var<storage, read_write> dx : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

fn nan(v : F) -> B { return (bitcast<U>(v) & U(0x7fffffffu)) > U(0x7f800000u); }

// What the o-th of `windows` windows along an axis spans: its elements [first, end), its cell [first, stop).
struct Span { first : u32, end : u32, stop : u32 }
fn span(o : u32, windows : u32, kernel : u32, stride : u32, pad : u32, size : u32) -> Span {
  let first = o * stride - min(o * stride, pad);
  let end = min(o * stride + kernel - min(o * stride + kernel, pad), size);
  let next = min((o + 1u) * stride - min((o + 1u) * stride, pad), size);
  return Span(first, end, select(next, size, o + 1u == windows));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.n * params.p * params.q * depth) { return; }
  let column = t / depth;
  let c = t - column * depth;
  let row = column / params.q;
  let image = row / params.p;
  let rows = span(row - image * params.p, params.p, params.kernelY, params.strideY, params.padY, params.h);
  let columns = span(column - row * params.q, params.q, params.kernelX, params.strideX, params.padX, params.w);
  let origin = image * params.h * params.w * depth + c;
  var best = F();
  var at = I(-1);
  for (var h = rows.first; h < rows.end; h += 1u) {
    for (var w = columns.first; w < columns.end; w += 1u) {
      let v = F(x[origin + (h * params.w + w) * depth]);
      let better = (v > best) | nan(v) | (at < I(0));
      best = select(best, v, better);
      at = select(at, I(i32(h * params.w + w)), better);
    }
  }
  let v = F(dy[t]);
  for (var h = rows.first; h < rows.stop; h += 1u) {
    for (var w = columns.first; w < columns.stop; w += 1u) {
      let i = origin + (h * params.w + w) * depth;
      dx[i] = Elem(epilogue(select(F(), v, at == I(i32(h * params.w + w))), i));
    }
  }
}
