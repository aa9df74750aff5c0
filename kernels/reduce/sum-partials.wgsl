// y[i] = Σ_{s < splits} x[s·n + i], in that order: the same bits run after run. One invocation an output.
alias F = f32;
alias I = i32;
alias U = u32;
alias B = bool;
struct Params { n : u32, splits : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<F>;
@group(0) @binding(2) var<storage, read_write> y : array<F>;
// hook: what is fused into the write; i = output index
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.n) { return; }
  var v = F(0.0);
  for (var s = 0u; s < params.splits; s += 1u) { v += x[s * params.n + i]; }
  y[i] = epilogue(v, i);
}
