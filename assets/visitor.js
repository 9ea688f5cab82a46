/* By which the visitor's kept runs are found again: a cookie that holds a random word and nothing else. */

const NAME = "playground_visitor";

export default ({ data, setStateValue }) => {
  const found = new RegExp(`(?:^|; )${NAME}=([A-Za-z0-9_-]{32})(?:;|$)`).exec(document.cookie)?.[1];
  if (found && found !== data.word) setStateValue("found", found); // another tab was first
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${NAME}=${found ?? data.word}; Max-Age=${data.seconds}; Path=/; SameSite=Lax${secure}`;
};
