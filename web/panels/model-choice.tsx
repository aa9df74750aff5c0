// Which of the models is used.
import type { JSX } from "preact";
import { model, modelId, models } from "../state.ts";

export function ModelChoice(): JSX.Element {
  if (models.value.length === 0)
    return (
      <p>
        Drop a model: <code>cmedl export RUN model.zip</code> writes it. Or train one here, under Train.
      </p>
    );
  return (
    <select
      aria-label="model"
      value={model.value?.id}
      onChange={(e) => {
        modelId.value = Number(e.currentTarget.value);
      }}
    >
      {models.value.map(({ id, name, says }) => (
        <option value={id}>
          {name} ({says})
        </option>
      ))}
    </select>
  );
}
