// Quotients, roots, squares and whole parts, with the edges and the subnormal numbers that built-ins lose.

fn reciprocal_(x: F) -> F {
  let tiny = (F(8.50705917e37) / fromSubnormal(x)) * F(8388608.0);
  return select(F(1.0) / x, select(tiny, -tiny, bitcast<I>(x) < I(0)), subnormal(x));
}

fn rsqrt_(x: F) -> F {
  let v = F(2.0) * fromSubnormal(x);
  return select(F(1.0) / sqrt(x), F(3.77789319e22) / sqrt(select(v, -v, bitcast<I>(x) < I(0))), subnormal(x));
}

fn sqrt_(x: F) -> F {
  let v = F(2.0) * fromSubnormal(x);
  return select(sqrt(x), sqrt(select(v, -v, bitcast<I>(x) < I(0))) * F(2.6469779601696886e-23), subnormal(x));
}

fn floor_(x: F) -> F { return select(floor(x), F(-1.0), subnormal(x) & (bitcast<I>(x) < I(0))); }

fn ceil_(x: F) -> F { return select(ceil(x), F(1.0), subnormal(x) & (bitcast<I>(x) > I(0))); }

fn square_(x: F) -> F { return x * x; }
