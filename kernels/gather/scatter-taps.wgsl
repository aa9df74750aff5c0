// dx[o,a,c] = Σ w[o,p,k] · dy[o,p,c] over the taps (p, k) with index[o,p,k] == a, from the last to the first:
// the transpose of gather-taps.
// One thread computes one F of dx and follows the links.
// Layouts: dx [outer, n, c] · dy [outer, points, c] · w, links [outer, points · taps] ·
// cells as scatter-bounds writes them. Needs: c % LANES == 0.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Elem = f32;            // seam: storage of an F
const LANES = 1u;            // seam: channels in an F
struct Params { outer : u32, n : u32, c : u32, points : u32, taps : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> cells : array<u32>;
@group(0) @binding(2) var<storage, read> links : array<u32>;
@group(0) @binding(3) var<storage, read> w : array<f32>;
@group(0) @binding(4) var<storage, read> dy : array<Elem>;
@group(0) @binding(5) var<storage, read_write> dx : array<Elem>;
// hook: what is fused into the write; i = output index in units of F
fn epilogue(v : F, i : u32) -> F { return v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
  let t = gid.x + gid.y * groups.x * 64u;
  let depth = params.c / LANES;
  if (t >= params.outer * params.n * depth) { return; }
  let cell = t / depth;
  let c = t - cell * depth;
  let o = cell / params.n;
  let first = o * params.points * params.taps;
  var sum = F();
  var k = cells[cell];
  while (k > 0u) {
    sum += w[first + k - 1u] * F(dy[(o * params.points + (k - 1u) / params.taps) * depth + c]);
    k = links[first + k - 1u];
  }
  dx[t] = Elem(epilogue(sum, t));
}
