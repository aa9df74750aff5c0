// y[n,p,q,c] = x[n, ⌊p·mulY/denY⌋, ⌊q·mulX/denX⌋, c] with mul/den = in/out in lowest terms:
// exact where a float product would slip.
// One thread computes one F of y. Layouts: x NHWC · y NPQC. Needs: c % LANES == 0, p·mulY and q·mulX below 2³².
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
struct Params { n : u32, h : u32, w : u32, c : u32, p : u32, q : u32, mulY : u32, denY : u32, mulX : u32, denX : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<Elem>;
@group(0) @binding(2) var<storage, read_write> y : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }
// hook: where output i is stored
fn place(i : u32) -> u32 { return i; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.n * params.p * params.q * depth) { return; }
  let column = t / depth;
  let row = column / params.q;
  let image = row / params.p;
  let h = (row - image * params.p) * params.mulY / params.denY;
  let w = (column - row * params.q) * params.mulX / params.denX;
  y[place(t)] = Elem(epilogue(F(x[((image * params.h + h) * params.w + w) * depth + (t - column * depth)]), t));
}
