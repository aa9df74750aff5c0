// y[o,a,i] = x[o,j,i] for the last j with index[o,j,i] == a; 0 where there is none.
// One thread computes one element of y. Layouts: x [outer, m, inner] · y [outer, n, inner] ·
// cells as scatter-bounds writes them.
alias Elem = f32;            // seam: storage type of x, y
alias F = f32;               // with I, U, B: the types of the epilogue's expression
alias I = i32;
alias U = u32;
alias B = bool;
struct Params { outer : u32, n : u32, inner : u32, m : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> cells : array<u32>;
@group(0) @binding(2) var<storage, read> x : array<Elem>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  if (t >= params.outer * params.n * params.inner) { return; }
  let last = cells[t];
  var v = 0.0;
  if (last > 0u) {
    let row = t / params.inner;
    v = F(x[((row / params.n) * params.m + last - 1u) * params.inner + (t - row * params.inner)]);
  }
  y[t] = Elem(epilogue(v, t));
}
