/** The vendored chart library, loaded when the first chart is shown. */

const FOLDER = "/static/vendor/uplot";

let loading = null;

/**
 * The constructor of uPlot. It is published minified for plain scripts alone, so that a script element loads it.
 *
 * @returns {Promise<function>} rejected where it cannot be loaded; the next call tries again
 */
export function loadUPlot() {
  loading ??= Promise.all([added("link", { rel: "stylesheet", href: `${FOLDER}/uPlot.min.css` }), added("script", { src: `${FOLDER}/uPlot.iife.min.js` })]).then(
    () => window.uPlot,
    (error) => {
      loading = null;
      throw error;
    },
  );
  return loading;
}

function added(tag, attributes) {
  const element = Object.assign(document.createElement(tag), attributes);
  return new Promise((resolve, reject) => {
    element.addEventListener("load", resolve, { once: true });
    element.addEventListener("error", () => {
      element.remove();
      reject(new Error(`${tag} of the chart could not be loaded`));
    }, { once: true });
    document.head.append(element);
  });
}
