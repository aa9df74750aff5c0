// Sums of value(o, r) and of other(o, r) over r, then y[at(o, r)] = after(o, r, sum, other sum): a norm's gradient in
// one dispatch. One workgroup holds `wide` neighbouring columns o;
// lane l of a column takes r = l, l + lanes, …, and every thread joins the lanes in order.
alias F = f32;               // seam: float, or vec4 of it; with it I, U, B
alias I = i32;               // seam
alias U = u32;               // seam
alias B = bool;              // seam
alias Y = f32;               // seam: what is stored of `after`
const THREADS = 64u;         // seam
struct Params { outs : u32, count : u32, wide : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read_write> first : array<F>;
@group(0) @binding(2) var<storage, read_write> second : array<F>;
@group(0) @binding(3) var<storage, read_write> y : array<Y>;
// hook: what `value` and `other` need of column o, kept in private variables
fn before(o : u32) {}
// hook: the r-th element of column o
fn value(o : u32, r : u32) -> F { return F(); }
// hook: and that of the second sum
fn other(o : u32, r : u32) -> F { return F(); }
// hook: the same for `after`
fn between(o : u32, a : F, b : F) {}
// hook: what is made of it, given both sums of the column
fn after(o : u32, r : u32, a : F, b : F) -> Y { return Y(a + b); }
// hook: where that is stored, in units of F
fn at(o : u32, r : u32) -> u32 { return r * params.outs + o; }
// hook: where else
fn also(o : u32, r : u32, v : Y) {}

var<workgroup> handedA : array<F, THREADS>;
var<workgroup> handedB : array<F, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let wide = params.wide;
  let o = (group.x + group.y * groups.x) * wide + t % wide;
  let lane = t / wide;
  let step = THREADS / wide;
  let live = o < params.outs;
  var a = F();
  var b = F();
  if (live) {
    before(o);
    for (var r = lane; r < params.count; r += step) {
      a += value(o, r);
      b += other(o, r);
    }
  }
  handedA[t] = a;
  handedB[t] = b;
  workgroupBarrier();
  if (!live) { return; }
  a = F();
  b = F();
  for (var l = 0u; l < step; l += 1u) {
    a += handedA[l * wide + t % wide];
    b += handedB[l * wide + t % wide];
  }
  if (lane == 0u) {
    first[o] = a;
    second[o] = b;
  }
  between(o, a, b);
  for (var r = lane; r < params.count; r += step) {
    let v = after(o, r, a, b);
    y[at(o, r)] = v;
    also(o, r, v);
  }
}
