// dw[o,p,k] = Σ_c dy[o,p,c] · x[o, index[o,p,k], c]: what gather-taps' weights get; 0 for an index outside [0, n).
// One thread computes one element of dw. Layouts: x [outer, n, c] · dy [outer, points, c] ·
// index, dw [outer, points, taps].
alias Elem = f32;            // seam: storage type of x, dy
alias F = f32;               // with I, U, B: the types of the epilogue's expression
alias I = i32;
alias U = u32;
alias B = bool;
struct Params { outer : u32, n : u32, c : u32, points : u32, taps : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read> index : array<i32>;
@group(0) @binding(3) var<storage, read> dy : array<Elem>;
@group(0) @binding(4) var<storage, read_write> dw : array<f32>;
// hook: what is fused into the write; i = output index
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outer * params.points * params.taps) { return; }
  let point = t / params.taps;
  let at = index[t];
  var sum = 0.0;
  if (at >= 0 && u32(at) < params.n) {
    let row = ((point / params.points) * params.n + u32(at)) * params.c;
    for (var c = 0u; c < params.c; c += 1u) { sum += F(dy[point * params.c + c]) * F(x[row + c]); }
  }
  dw[t] = epilogue(sum, t);
}
