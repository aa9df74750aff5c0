// y[n,p,q,c] = x[n, index[n,p,q,c], c], index flat in H·W; 0 where it is negative: the transpose of max-pool-grad.
// One thread computes one element of y. Layouts: x NHWC · y, index NPQC.
alias F = f32;               // with I, U, B: the types of the epilogue's expression
alias I = i32;
alias U = u32;
alias B = bool;
alias Elem = f32;            // seam: storage type
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read> index : array<i32>;
@group(0) @binding(3) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let outs = params.p * params.q * params.c;
  if (t >= params.n * outs) { return; }
  let at = index[t];
  var v = F();
  if (at >= 0) { v = F(x[((t / outs) * params.h * params.w + u32(at)) * params.c + t % params.c]); }
  y[t] = Elem(epilogue(v, t));
}
