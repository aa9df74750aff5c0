// status[0] = run: the last dispatch of a program, which proves that the run it belongs to was executed.
@group(0) @binding(0) var<storage, read> run : array<u32>;
@group(0) @binding(1) var<storage, read_write> status : array<u32>;

@compute @workgroup_size(1)
fn main() {
  status[0] = run[0];
}
