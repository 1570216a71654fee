// What this plugin is for, in one sentence. The rule below is there to be replaced: it wants texts of a field to have a length.
//
// Settings: `field`, the field that is looked at; `at_least`, how many letters it has to have, 2 if it isn't given.

// Reads the settings; throws a text for IT.
function settings(json) {
  const { field, at_least = 2, ...others } = JSON.parse(json);
  const unknown = Object.keys(others);
  if (unknown.length > 0) throw `there is no setting \`${unknown[0]}\`; there are \`field\` and \`at_least\``;
  if (typeof field !== "string") throw "`field` has to be the name of a field";
  if (!Number.isInteger(at_least)) throw "`at_least` has to be a whole number";
  return { field, atLeast: at_least };
}

export const meta = {
  // What is shown to whoever installs it.
  describe() {
    return {
      id: "@name@",
      version: "1.0.0",
      summary: "What @name@ checks, in one sentence",
      jobs: ["validate"],
      reads: [],
      writes: [],
      settingsSchema: JSON.stringify({
        type: "object",
        required: ["field"],
        properties: { field: { type: "string" }, at_least: { type: "integer", default: 2 } },
      }),
    };
  },

  checkSettings(json) {
    settings(json);
  },
};

export const validate = {
  validate(schema, context, rows) {
    const badSettings = (text) => ({ tag: "bad-settings", val: text });
    let own;
    try {
      own = settings(context.settingsJson);
    } catch (text) {
      throw badSettings(String(text));
    }
    const column = schema.columns.findIndex((column) => column.name === own.field);
    if (column < 0) throw badSettings(`the plugin wants the field \`${own.field}\` and is not sent it; list it in \`reads\``);
    const chinese = context.locale.startsWith("zh");
    const issues = [];
    rows.forEach((row, at) => {
      // An empty cell is `undefined` or `null`. It is not this rule's business: the office says `required = true` of a field that must be filled.
      const text = row.cells[column] ?? null;
      if (text === null || [...text].length >= own.atLeast) return;
      // "error" holds the row until somebody has answered; "warning" takes it and tells. Say what to do, and don't repeat the cell.
      const message = chinese ? "内容太短，请填写完整。" : "This is too short. Write it out.";
      issues.push({ row: at, column, severity: "error", code: "too-short", message });
    });
    return issues;
  },
};
