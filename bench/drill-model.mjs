/** The bundled ResNet-8 with a few of its images, and what the reference makes of them: what drills and soak run. */
import { defaultModel } from "@sluice/host-agent/default-model.js";
import { prepareDeployment } from "@sluice/host-agent/jobs/deploy-job.js";
import { openInputs, prepareImages } from "@sluice/host-agent/jobs/input-source.js";
import { outputCodes } from "@sluice/sdk/compile";
import { geometryById } from "@sluice/sdk/overlay";
import { createReference } from "@sluice/sdk/reference";

export async function drillModel(images) {
  const { modelPath, dataset } = defaultModel();
  const options = { geometry: "p8i8o16", codec: "ans" };
  const deployment = prepareDeployment(modelPath, options, () => undefined);
  const { compiled, model } = deployment;
  const reference = createReference(model.graph);
  const geometry = geometryById(compiled.plan.geometry);
  const source = await openInputs(model.graph, { dataset, limit: images });
  const frames = [];
  for await (const { stored, frame } of prepareImages(source, deployment)) {
    const expected = reference.run(stored).output.slice();
    const isRight = (output) => {
      const codes = outputCodes(output, compiled.output, geometry);
      return expected.every((value, index) => value === codes[index] + compiled.output.codeOffset);
    };
    frames.push({ input: frame.slice(), isRight });
  }
  return { plan: compiled.plan, sections: compiled.sections, frames };
}
