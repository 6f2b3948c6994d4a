/** The worker behind `timers.js`: wakes the page up when it was asked to. */
self.onmessage = ({ data: { id, delay_ms } }) => setTimeout(() => self.postMessage(id), delay_ms);
