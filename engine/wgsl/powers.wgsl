// Powers, with the edges that built-ins lose.

// a to the b = exp(b·log|a|) with log|a| = hi + lo to some 35 bits, so that the product keeps 24; edges as C's pow:
// NaN for a negative base and a fractional exponent, 1 for b = 0, for a = 1 and for a = −1 with an infinite b.
fn pow_(a: F, b: F) -> F {
  let zero = bitcast<U>(a) & U(0u);
  let inf = bitcast<F>(zero | U(0x7f800000u));
  let v = abs(a);
  let tiny = subnormal(v);
  let bits = bitcast<I>(select(v, fromSubnormal(v), tiny)) - I(0x3f3504f3);
  let m = bitcast<F>((bits & I(0x007fffff)) + I(0x3f3504f3));
  let e = F(bits >> U(23u)) - select(F(0.0), F(149.0), tiny);
  // log m = 2 atanh(s), s = f / t, f = m − 1, t = m + 1 = t1 + t2, s = s1 + s2.
  let f = m - F(1.0);
  let t = m + F(1.0);
  let s1 = leading_(f / t);
  let t1 = leading_(t);
  let t2 = m - (t1 - F(1.0));
  let s2 = ((f - s1 * t1) - s1 * t2) / t;
  let s = s1 + s2;
  let z = s * s;
  let series = s * z * (F(0.66666667) + z * (F(0.4) + z * (F(0.28571429) + z * (F(0.22222222) + z * F(0.18181818)))));
  let big = e * F(0.693359375);
  let high = leading16_(big + F(2.0) * s1);
  let low = ((big - high) + F(2.0) * s1) + (F(2.0) * s2 + series - e * F(2.12194440e-4));
  let l1 = leading_(high + low);
  let l2 = (high - l1) + low;
  let b1 = leading_(b);
  let p1 = b1 * l1;
  let p2 = b1 * l2 + (b - b1) * (l1 + l2);
  let p = leading16_(p1 + p2);
  let rest = (p1 - p) + p2;
  let inside = abs(p) < F(150.0);
  var y = exp_(select(select(F(-150.0), F(150.0), p > F(0.0)), p, inside))
    * select(F(1.0), F(1.0) + (rest + F(0.5) * rest * rest), inside);
  let whole = floor(b) == b;
  let odd = whole & (abs(b - F(2.0) * floor(b * F(0.5))) == F(1.0));
  // 0, ∞ and |b| = ∞.
  let grows = select(b > F(0.0), b < F(0.0), v < F(1.0));
  let edge = (bitcast<U>(v) == U(0u)) | (v == inf) | (abs(b) == inf);
  y = select(y, select(F(0.0), inf, grows), edge);
  y = select(y, F(1.0), (v == F(1.0)) & whole);
  let negative = (bitcast<U>(a) & U(0x80000000u)) != U(0u);
  y = select(y, -y, negative & odd);
  y = select(y, bitcast<F>(zero | U(0x7fc00000u)), negative & (bitcast<U>(v) != U(0u)) & (v != inf) & !whole);
  return select(select(select(y, a, isNan(a)), b, isNan(b)), F(1.0), (b == F(0.0)) | (a == F(1.0)));
}

// a to the b for whole numbers, by squaring; to a negative power as its quotient: ±1 for ±1, else 0.
fn powWhole_(a: I, b: I) -> I {
  var y = I(1);
  var base = a;
  for (var bit = 0u; bit < 31u; bit += 1u) {
    y = select(y, y * base, ((b >> U(bit)) & I(1)) == I(1));
    base *= base;
  }
  let odd = (b & I(1)) == I(1);
  return select(y, select(I(0), select(I(1), a, odd), abs(a) == I(1)), b < I(0));
}
