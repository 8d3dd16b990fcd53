/**
 * Merges equal modules of an RTLIL design.
 *
 * The slang front end makes one module per instance (`dsp_mac$sluice_overlay.u_array.gen_pixel[0]...`); mapping each
 * of 64 equal ones would cost 64 times the time. Modules that agree in all but names of sources and of anonymous
 * wires become one, bottom up, named `module` or `module.2` and so on for other parameters.
 *
 * @param {string} rtlil
 * @returns {string} the design with every module once
 */
export function uniqueModules(rtlil) {
  const blocks = new Map();
  for (const match of rtlil.matchAll(/^(?:attribute .*\n)*module (\\\S+)\n[\s\S]*?^end\n/gm)) {
    blocks.set(match[1], match[0].replaceAll(/^ *attribute \\(src|hdlname|initial_top) .*\n/gm, ""));
  }
  const names = new Map(); // instance module -> unique name
  const known = new Map(); // text -> unique name
  const used = new Map(); // definition -> number of variants
  const result = [];
  const visit = (name) => {
    if (names.has(name)) return names.get(name);
    const text = blocks
      .get(name)
      .replaceAll(/^( *cell )(\\\S+)( )/gm, (whole, cell, type, space) =>
        blocks.has(type) ? `${cell}${visit(type)}${space}` : whole,
      );
    const key = canonical(text.replace(`module ${name}\n`, "module\n"));
    const definition = name.split("$")[0];
    let unique = known.get(`${definition} ${key}`);
    if (unique === undefined) {
      const variant = (used.get(definition) ?? 0) + 1;
      used.set(definition, variant);
      unique = variant === 1 ? definition : `${definition}.${variant}`;
      known.set(`${definition} ${key}`, unique);
      result.push(text.replace(`module ${name}\n`, `module ${unique}\n`));
    }
    names.set(name, unique);
    return unique;
  };
  for (const name of blocks.keys()) visit(name);
  return `autoidx 100000000\n${result.join("\n")}`;
}

/** Anonymous names numbered in the order in which they appear. */
function canonical(text) {
  const numbers = new Map();
  return text.replaceAll(/\$[\w.$:]*\d[\w.$:]*/g, (name) => {
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return `$${numbers.get(name)}`;
  });
}
