/**
 * Timers that keep time in a hidden tab. Browsers let the timers of a page that nobody looks at run once a minute,
 * which would make a healthy connection look silent; they leave those of a worker alone.
 */
export class WorkerTimers {
  #worker = null;
  #nextId = 1;
  /** id → {work, due_ms} of what has not run yet. */
  #waiting = new Map();

  constructor(url) {
    try {
      this.#worker = new Worker(url);
      this.#worker.onmessage = (event) => this.#run(event.data);
      this.#worker.onerror = () => this.#doWithout();
    } catch {
      this.#worker = null; // no workers here: the page's own timers must do
    }
  }

  setTimeout(work, delay_ms) {
    const id = this.#nextId++;
    this.#waiting.set(id, { work, due_ms: performance.now() + delay_ms });
    if (this.#worker) this.#worker.postMessage({ id, delay_ms });
    else setTimeout(() => this.#run(id), delay_ms);
    return id;
  }

  clearTimeout(id) {
    this.#waiting.delete(id);
  }

  #run(id) {
    const timer = this.#waiting.get(id);
    this.#waiting.delete(id);
    timer?.work();
  }

  #doWithout() {
    this.#worker = null;
    for (const [id, { due_ms }] of this.#waiting) setTimeout(() => this.#run(id), due_ms - performance.now());
  }
}
