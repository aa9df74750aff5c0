// Functions that look at the bits of a number: NaN, order, sign, what f16 holds, and subnormals. F, I, U, B are
// aliases for scalars or vec4, so each function serves both.

fn isNan(x: F) -> B { return (bitcast<U>(x) & U(0x7fffffffu)) > U(0x7f800000u); }

// Floats as integers of the same order: comparisons that no adapter's flushing of subnormals reaches.
fn rank_(x: F) -> I { let i = bitcast<I>(x); return i ^ ((i >> U(31u)) & I(0x7fffffff)); }

fn maximum_(a: F, b: F) -> F {
  return select(select(select(b, a, rank_(a) > rank_(b)), b, isNan(b)), a, isNan(a));
}

fn minimum_(a: F, b: F) -> F {
  return select(select(select(b, a, rank_(a) < rank_(b)), b, isNan(b)), a, isNan(a));
}

// 0 for the bits of −0 … −∞: what is left is positive or NaN.
fn relu_(x: F) -> F { return select(x, F(0.0), (bitcast<U>(x) - U(0x80000000u)) <= U(0x7f800000u)); }

// Subnormal numbers: adapters may take them for 0 in arithmetic and comparisons, so they are read from the bits, as
// x · 2^149.
fn subnormal(x: F) -> B { return ((bitcast<U>(x) & U(0x7fffffffu)) - U(1u)) < U(0x007fffffu); }

fn fromSubnormal(x: F) -> F { return F(bitcast<U>(x) & U(0x007fffffu)); }

fn neg_(x: F) -> F { return bitcast<F>(bitcast<U>(x) ^ U(0x80000000u)); }

fn sign_(x: F) -> F {
  let bits = bitcast<U>(x);
  let magnitude = bits & U(0x7fffffffu);
  return select(select(F(1.0), F(-1.0), magnitude != bits), F(0.0),
    (magnitude == U(0u)) | (magnitude > U(0x7f800000u)));
}

// The nearest number that f16 holds, ties to even: below 2^-14 in units of 2^-24, from 65,520 on infinite. In bits, for
// compilers take an f16 that is not stored for its f32.
fn half_(x: F) -> F {
  let bits = bitcast<U>(x);
  let magnitude = bits & U(0x7fffffffu);
  let normal = (magnitude + U(0xfffu) + ((magnitude >> U(13u)) & U(1u))) & U(0xffffe000u);
  let whole = select(normal, U(0x7f800000u), magnitude >= U(0x477ff000u));
  let tiny = bitcast<U>(round(bitcast<F>(min(magnitude, U(0x38800000u))) * F(16777216.0)) * F(5.9604644775390625e-8));
  let rounded = select(whole, tiny, magnitude < U(0x38800000u));
  return bitcast<F>((bits & U(0x80000000u)) | select(rounded, magnitude, magnitude > U(0x7f800000u)));
}

// The leading 12 and 16 bits of a float. Products of two of 12 are exact; and masks, unlike (a + b) − a, no
// compiler simplifies.
fn leading_(x: F) -> F { return bitcast<F>(bitcast<U>(x) & U(0xfffff000u)); }

fn leading16_(x: F) -> F { return bitcast<F>(bitcast<U>(x) & U(0xffffff00u)); }
