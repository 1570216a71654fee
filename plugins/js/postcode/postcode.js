// Checks postal codes of the mainland (邮政编码): six digits, of which the first two stand for a province; and
// compares them with the province beside them, if there is such a field.
//
// Settings: `field`, the field with the code, "postcode" if it isn't given; `province`, the field with the province or an
// address that begins with it; none if it isn't given.

// The first two digits of the codes of each province.
const PROVINCES = {
  北京: ["10"], 上海: ["20"], 天津: ["30"], 重庆: ["40"], 内蒙古: ["01", "02"], 山西: ["03", "04"], 河北: ["05", "06", "07"],
  辽宁: ["11", "12"], 吉林: ["13"], 黑龙江: ["15", "16"], 江苏: ["21", "22"], 安徽: ["23", "24"], 山东: ["25", "26", "27"],
  浙江: ["31", "32"], 江西: ["33", "34"], 福建: ["35", "36"], 湖南: ["41", "42"], 湖北: ["43", "44"], 河南: ["45", "46", "47"],
  广东: ["51", "52"], 广西: ["53", "54"], 贵州: ["55", "56"], 海南: ["57"], 四川: ["61", "62", "63", "64"], 云南: ["65", "66", "67"],
  陕西: ["71", "72"], 甘肃: ["73", "74"], 宁夏: ["75"], 青海: ["81"], 新疆: ["83", "84"], 西藏: ["85", "86"],
};
const KNOWN = new Set(Object.values(PROVINCES).flat());

// Reads the settings; throws a text for IT.
function settings(json) {
  const { field = "postcode", province = null, ...others } = JSON.parse(json);
  const unknown = Object.keys(others);
  if (unknown.length > 0) throw `there is no setting \`${unknown[0]}\`; there are \`field\` and \`province\``;
  if (typeof field !== "string") throw "`field` has to be the name of a field";
  if (province !== null && typeof province !== "string") throw "`province` has to be the name of a field";
  return { field, province };
}

// What is wrong with a code: what a program calls it, and the words in both languages. Nothing is null.
function fault(code, province) {
  if (/^[0-9]{5}$/.test(code)) {
    return ["leading-zero", "邮政编码应为 6 位，前面的 0 可能被去掉了，请把该列设为文本。", "A postal code has 6 digits. A zero in front may have been lost: format the column as text."];
  }
  if (!/^[0-9]{6}$/.test(code)) {
    return ["digits", "邮政编码应为 6 位数字。", "A postal code has 6 digits."];
  }
  const first = code.slice(0, 2);
  if (!KNOWN.has(first)) {
    return ["province", "没有以这两位开头的邮政编码。", "No postal code begins with these two digits."];
  }
  const name = Object.keys(PROVINCES).find((name) => province?.startsWith(name));
  if (name !== undefined && !PROVINCES[name].includes(first)) {
    return ["province-differs", `邮政编码不属于${name}，请核对两处。`, `The postal code does not lie in ${name}. Check both.`];
  }
  return null;
}

export const meta = {
  describe() {
    return {
      id: "postcode",
      version: "1.0.0",
      summary: "Checks postal codes of the mainland, and whether they lie in the province beside them",
      jobs: ["validate"],
      reads: ["postcode", "province"],
      writes: [],
      settingsSchema: JSON.stringify({
        type: "object",
        properties: { field: { type: "string", default: "postcode" }, province: { type: "string" } },
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
    const column = (name) => {
      const at = schema.columns.findIndex((column) => column.name === name);
      if (at < 0) throw badSettings(`the plugin wants the field \`${name}\` and is not sent it; list it in \`reads\``);
      return at;
    };
    const code = column(own.field);
    const province = own.province === null ? null : column(own.province);
    const chinese = context.locale.startsWith("zh");
    const issues = [];
    rows.forEach((row, at) => {
      // An empty cell is `undefined` or `null`.
      const written = row.cells[code] ?? null;
      if (written === null) return;
      const found = fault(written, province === null ? null : row.cells[province]);
      if (found === null) return;
      const [name, inChinese, inEnglish] = found;
      issues.push({ row: at, column: code, severity: "warning", code: name, message: chinese ? inChinese : inEnglish });
    });
    return issues;
  },
};
