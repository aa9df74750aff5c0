// What the adapter is and can.
import type { JSX } from "preact";
import { type AdapterFacts, adapterMarkdown, showLimit } from "../adapter-facts.ts";
import { Figures } from "../view/figures.tsx";
import { Copy } from "./copy.tsx";

export function AdapterSection({ facts }: { readonly facts: AdapterFacts }): JSX.Element {
  const { name, isSoftware, told, features, limits } = facts;
  const raised = limits.filter(({ value, byDefault }) => value !== byDefault).length;
  return (
    <section aria-labelledby="adapter-heading">
      <div class="row">
        <h2 id="adapter-heading">{name}</h2>
        <Copy what="the adapter" json={() => facts} markdown={() => adapterMarkdown(facts)} />
      </div>
      {isSoftware && (
        <p class="warning">A software renderer: it computes on the processor. Times here say nothing of a GPU.</p>
      )}
      <dl class="facts">
        {Object.entries(told).map(([what, value]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{value}</dd>
          </div>
        ))}
        {!("driver" in told) && (
          <div>
            <dt>driver</dt>
            <dd class="note">not told by this browser</dd>
          </div>
        )}
      </dl>
      <details>
        <summary>
          {features.length} features, {features.filter(({ isUsed }) => isUsed).length} in use
        </summary>
        <ul class="features">
          {features.map(({ name: feature, isUsed }) => (
            <li key={feature}>{isUsed ? <strong>{feature}</strong> : feature}</li>
          ))}
        </ul>
        <p class="note">In bold what the engine uses.</p>
      </details>
      <details>
        <summary>
          {limits.length} limits, {raised} other than WebGPU's defaults
        </summary>
        <Figures label="limits" heads={["limit", "here", "by default"]}>
          {limits.map((limit) => {
            const isOther = limit.value !== limit.byDefault;
            return (
              <tr key={limit.name} class={isOther ? "other" : ""}>
                <th scope="row">
                  {limit.name}
                  {isOther && <span class="mark"> ≠</span>}
                </th>
                <td>{showLimit(limit)}</td>
                <td>{isOther ? showLimit({ name: limit.name, value: limit.byDefault }) : "same"}</td>
              </tr>
            );
          })}
        </Figures>
      </details>
    </section>
  );
}
