/* The link of a page: a field to read it, a button to copy it, a QR code to point a phone at. */

const parts = new WeakMap();

function built(parent) {
  if (parts.has(parent)) return parts.get(parent);
  const root = parent.querySelector(".pg-link");
  const [row, field, button, code] = ["div", "input", "button", "div"].map((tag) => document.createElement(tag));
  row.className = "row";
  field.readOnly = true;
  field.setAttribute("aria-label", "Link to this page");
  field.onfocus = () => field.select();
  button.type = "button";
  button.textContent = "Copy";
  button.onclick = async () => {
    button.textContent = (await copied(field)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  };
  code.className = "code";
  code.setAttribute("role", "img");
  code.setAttribute("aria-label", "QR code of the link");
  row.append(field, button);
  root.append(row, code);
  parts.set(parent, { field, code });
  return parts.get(parent);
}

/** Whether the field's text is on the clipboard now; pages that came over plain HTTP have no clipboard of their own. */
async function copied(field) {
  field.focus();
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}

export default ({ data, parentElement }) => {
  const { field, code } = built(parentElement);
  field.value = data.link || location.href;
  code.innerHTML = data.code;
  code.hidden = !data.code;
};
