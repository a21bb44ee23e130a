// Downloads: the embedded tables as CSV, or all of them as one workbook. Nothing is fetched.
(() => {
  const holder = document.getElementById("tables-data");
  const chosen = document.getElementById("download-table");
  const bytesOf = (text) => new TextEncoder().encode(text);
  let tables;
  const read = async () => {
    if (tables) return tables;
    const packed = Uint8Array.from(atob(holder.content.textContent), (one) => one.charCodeAt(0));
    const text = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    tables = JSON.parse(text);
    return tables;
  };
  const rowsOf = ({ columns, values }) => [columns, ...(values[0] ?? []).map((_, n) => values.map((column) => column[n]))];

  // A text that a spreadsheet would take for a formula gets an apostrophe.
  const quoted = (value) => {
    if (value === null) return "";
    const text = typeof value === "string" && /^[\s\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]*[=+\-@＝＋－＠]|^[\t\r\n]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (table) => "\ufeff" + rowsOf(table).map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";

  // A workbook is a zip of XML files, here stored without compression.
  const sums = Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n >>> 0; });
  const sum = (bytes) => { let n = 0xffffffff; for (const byte of bytes) n = sums[(n ^ byte) & 255] ^ (n >>> 8); return (n ^ 0xffffffff) >>> 0; };
  const numbers = (...pairs) => {
    const view = new DataView(new ArrayBuffer(pairs.reduce((all, [size]) => all + size, 0)));
    let at = 0;
    for (const [size, value] of pairs) { if (size === 2) view.setUint16(at, value, true); else view.setUint32(at, value, true); at += size; }
    return new Uint8Array(view.buffer);
  };
  const zip = (files) => {
    const parts = [];
    const index = [];
    let at = 0;
    for (const [name, text] of files) {
      const [title, bytes] = [bytesOf(name), bytesOf(text)];
      const common = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 33], [4, sum(bytes)], [4, bytes.length], [4, bytes.length], [2, title.length], [2, 0]];
      const opening = numbers([4, 0x04034b50], ...common);
      parts.push(opening, title, bytes);
      index.push(numbers([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]), title);
      at += opening.length + title.length + bytes.length;
    }
    const length = index.reduce((all, part) => all + part.length, 0);
    return new Blob([...parts, ...index, numbers([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, length], [4, at], [2, 0])]);
  };
  const safe = (text) => String(text).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
  const cell = (value) => {
    if (value === null) return "<c/>";
    if (typeof value === "number") return `<c><v>${value}</v></c>`;
    if (typeof value === "boolean") return `<c t="b"><v>${Number(value)}</v></c>`;
    return `<c t="inlineStr"><is><t xml:space="preserve">${safe(String(value).slice(0, 32000))}</t></is></c>`;
  };
  const opening = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
  const scheme = ["http", "://schemas.openxmlformats.org/"].join("");
  const main = `${scheme}spreadsheetml/2006/main`;
  const linked = `${scheme}officeDocument/2006/relationships`;
  const workbook = (all) => {
    const names = Object.keys(all);
    const kind = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    const links = (list) => `${opening}<Relationships xmlns="${scheme}package/2006/relationships">${list.join("")}</Relationships>`;
    return zip([
      ["[Content_Types].xml", `${opening}<Types xmlns="${scheme}package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="${kind}.sheet.main+xml"/>${names.map((_, n) => `<Override PartName="/xl/worksheets/sheet${n + 1}.xml" ContentType="${kind}.worksheet+xml"/>`).join("")}</Types>`],
      ["_rels/.rels", links([`<Relationship Id="r1" Type="${linked}/officeDocument" Target="xl/workbook.xml"/>`])],
      ["xl/workbook.xml", `${opening}<workbook xmlns="${main}" xmlns:r="${linked}"><sheets>${names.map((name, n) => `<sheet name="${safe(name.slice(0, 31))}" sheetId="${n + 1}" r:id="r${n + 1}"/>`).join("")}</sheets></workbook>`],
      ["xl/_rels/workbook.xml.rels", links(names.map((_, n) => `<Relationship Id="r${n + 1}" Type="${linked}/worksheet" Target="worksheets/sheet${n + 1}.xml"/>`))],
      ...names.map((name, n) => [`xl/worksheets/sheet${n + 1}.xml`, `${opening}<worksheet xmlns="${main}"><sheetData>${rowsOf(all[name]).map((row) => `<row>${row.map(cell).join("")}</row>`).join("")}</sheetData></worksheet>`]),
    ]);
  };

  const save = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const offer = async () => {
    if (chosen.options.length) return;
    for (const name of Object.keys(await read())) chosen.add(new Option(name, name));
  };
  chosen.addEventListener("focus", offer);
  chosen.addEventListener("pointerenter", offer);
  document.getElementById("download-buttons").addEventListener("click", async (event) => {
    const how = event.target.dataset.download;
    if (!how) return;
    await offer();
    const all = await read();
    const name = holder.dataset.name;
    if (how === "csv") save(new Blob([csv(all[chosen.value])], { type: "text/csv" }), `${name}-${chosen.value}.csv`);
    else save(workbook(all), `${name}.xlsx`);
  });
})();
