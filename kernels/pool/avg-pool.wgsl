// y[n,p,q,c] = Σ over window (p, q) of x[n,h,w,c], divided by the window's size or a given divisor.
// One thread computes one F of y. Layouts: x NHWC · y NPQC. Needs: c % LANES == 0;
// with ADAPTIVE, h·p and w·q below 2³².
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
const ADAPTIVE = false;      // seam: windows ⌊o·size/outs⌋ … ⌈(o+1)·size/outs⌉ in place of kernel, stride and pad
const COUNT_PAD = true;      // seam: padding counts in the window's size
struct Params {
  n : u32, h : u32, w : u32, c : u32, p : u32, q : u32,
  kernelY : u32, kernelX : u32, strideY : u32, strideX : u32, padY : u32, padX : u32,
  divisor : f32,             // 0: the window's size
}
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

// The o-th window along an axis: its elements [first, end), and how many count in the mean.
struct Window { first : u32, end : u32, counted : u32 }
fn window(o : u32, size : u32, outs : u32, kernel : u32, stride : u32, pad : u32) -> Window {
  if (ADAPTIVE) {
    let first = o * size / outs;
    let end = ((o + 1u) * size + outs - 1u) / outs;
    return Window(first, end, end - first);
  }
  let begin = o * stride;    // in padded coordinates, as stop
  let stop = min(begin + kernel, size + 2u * pad);
  let first = max(begin, pad) - pad;
  let end = min(max(stop, pad) - pad, size);
  return Window(first, end, select(end - first, stop - begin, COUNT_PAD));
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
  let rows = window(row - image * params.p, params.h, params.p, params.kernelY, params.strideY, params.padY);
  let columns = window(column - row * params.q, params.w, params.q, params.kernelX, params.strideX, params.padX);
  var sum = F();
  for (var h = rows.first; h < rows.end; h += 1u) {
    let line = (image * params.h + h) * params.w;
    var part = F();
    for (var w = columns.first; w < columns.end; w += 1u) { part += F(x[(line + w) * depth + c]); }
    sum += part;
  }
  let size = f32(rows.counted * columns.counted);
  y[t] = Elem(epilogue(sum / F(select(params.divisor, size, params.divisor == 0.0)), t));
}
