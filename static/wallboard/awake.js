/** What a screen on a wall needs of its browser: that it does not go dark, and shows nothing but the page. */

/** How long the controls stay after the last movement. */
const IDLE_MS = 4_000;

/**
 * Keeps the screen on while the page is shown, where the browser can (only pages that came by `https`, or from this
 * machine).
 * @param {AbortSignal} signal
 */
export function stayAwake(signal) {
  if (!("wakeLock" in navigator)) return;
  const ask = async () => {
    if (document.visibilityState !== "visible") return;
    try {
      await navigator.wakeLock.request("screen");
    } catch {
      // A low battery, or no permission: the page is no worse for it.
    }
  };
  // A browser takes the lock back whenever the page is hidden.
  document.addEventListener("visibilitychange", ask, { signal });
  ask();
}

/**
 * Marks the page as idle (`data-idle` of the root) while nobody moves or types; the style sheet then hides its controls.
 * @param {AbortSignal} signal
 */
export function watchIdleness(signal) {
  const root = document.documentElement;
  let timer = null;
  const stir = () => {
    root.dataset.idle = "false";
    clearTimeout(timer);
    timer = setTimeout(() => (root.dataset.idle = "true"), IDLE_MS);
  };
  for (const type of ["pointermove", "pointerdown", "keydown"]) document.addEventListener(type, stir, { signal });
  stir();
}

/**
 * Makes a button enter and leave full screen; it is hidden where the browser has none.
 * @param {HTMLButtonElement} button
 * @param {AbortSignal} signal
 */
export function offerFullScreen(button, signal) {
  button.hidden = !document.fullscreenEnabled;
  button.addEventListener("click", () => {
    const change = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
    change.catch(() => {}); // the browser would rather not; the page stays as it is
  }, { signal });
  document.addEventListener("fullscreenchange", () => {
    button.setAttribute("aria-pressed", String(document.fullscreenElement !== null));
  }, { signal });
}
