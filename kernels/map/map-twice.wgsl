// y[i] = z[place(i)] = value(i): an elementwise chain that is needed by itself and within a joined tensor.
// One thread computes one F.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Y = f32;               // seam: what is stored
struct Params { n : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> y : array<Y>;
@group(0) @binding(2) var<storage, read_write> z : array<Y>;
// hook: value of the i-th element
fn value(i : u32) -> Y { return Y(); }
// hook: where it is stored in z
fn place(i : u32) -> u32 { return i; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let i = gid.x + gid.y * groups.x * 64u;
  if (i >= params.n) { return; }
  let v = value(i);
  y[i] = v;
  z[place(i)] = v;
}
