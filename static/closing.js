/** Close codes in words: what happened, the broker's reason where it adds something, and what follows. */

export function closingText(texts, { code, reason, fate }) {
  const known = texts.has(`closing.${code}`);
  const parts = [known ? texts.t(`closing.${code}`) : texts.t("closing.other", { code: String(code) })];
  // 4002's reason is an address, and most others only repeat the code's own name.
  if (reason && texts.has(`reason.${reason}`)) parts.push(texts.t(`reason.${reason}`));
  parts.push(texts.t(`fate.${fate}`));
  return texts.sentences(parts);
}
