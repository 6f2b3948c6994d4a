/** How many tiles fit on a screen, and how large: as large as they can be without a scroll bar. */

/** What one tile needs, in multiples of the size of its text. */
const TILE_WIDTH_EM = 12;
const TILE_HEIGHT_EM = 11.2;
/** The figure's share of that height, what it may take of the width, and how large it may become where there is room. */
const FIGURE_EM = 2.6;
const FIGURE_WIDTH_EM = 10.3;
const FIGURE_EM_MAX = 6;
/** The smallest text that is still read: on a phone in the hand, and as a share of a screen across the room. */
const TEXT_PX_MIN = 12.5;
const TEXT_SHARE_MIN = 0.021;

/**
 * Fits tiles into an area. Where not all of them can be read there, they are spread over pages, as evenly as may be.
 * @param {{width_px: number, height_px: number, screen_px: number, count: number}} area `screen_px`: the shorter side
 *   of the whole screen
 * @returns {{columns: number, rows: number, pages: number, per_page: number, text_px: number}}
 */
export function fit({ width_px, height_px, screen_px, count }) {
  const wanted = Math.max(1, count);
  const whole = bestColumns(width_px, height_px, wanted);
  const least_px = Math.max(TEXT_PX_MIN, screen_px * TEXT_SHARE_MIN);
  if (whole.text_px >= least_px) return { ...whole, pages: 1, per_page: wanted };
  const room = atLeastOne(width_px / (TILE_WIDTH_EM * least_px)) * atLeastOne(height_px / (TILE_HEIGHT_EM * least_px));
  const pages = Math.ceil(wanted / room);
  const per_page = Math.ceil(wanted / pages);
  return { ...bestColumns(width_px, height_px, per_page), pages, per_page };
}

/**
 * How large a tile's figure may be, in multiples of the size of its text: it takes the height that the rest leaves.
 * @param {{height_px: number, rows: number, text_px: number, widest_em: number}} room `widest_em`: the widest figure, in
 *   multiples of its own size
 * @returns {number}
 */
export function figureSize({ height_px, rows, text_px, widest_em }) {
  const spare_em = height_px / rows / text_px - TILE_HEIGHT_EM;
  const size_em = Math.min(FIGURE_EM + Math.max(0, spare_em), FIGURE_WIDTH_EM / widest_em, FIGURE_EM_MAX);
  return Number.isFinite(size_em) ? size_em : FIGURE_EM;
}

function bestColumns(width_px, height_px, count) {
  let best = null;
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const text_px = Math.min(width_px / columns / TILE_WIDTH_EM, height_px / rows / TILE_HEIGHT_EM);
    if (best === null || text_px > best.text_px) best = { columns, rows, text_px };
  }
  return best;
}

const atLeastOne = (number) => Math.max(1, Math.floor(number));
