// Draws every clip of the page that has not been started yet: drag turns it, the slider chooses the frame.
(function () {
  "use strict";

  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  async function start(figure) {
    const clip = JSON.parse(figure.dataset.clip);
    const bytes = await unpack(figure.dataset.points);
    const total = bytes.length / 4;
    const planes = [0, 1, 2, 3].map((plane) => bytes.subarray(plane * total, (plane + 1) * total));
    for (const plane of planes) for (let i = 1; i < total; i++) plane[i] += plane[i - 1]; // modulo 256
    const [x, y, z, shade] = planes;
    const first = [0];
    for (const count of clip.counts) first.push(first[first.length - 1] + count);
    const frames = clip.counts.length;

    const still = figure.querySelector("img");
    const canvas = document.createElement("canvas");
    canvas.style.cssText = "width:100%;display:block;cursor:grab;touch-action:pan-y;background:#fff";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", still.alt);
    const bar = document.createElement("div");
    bar.style.cssText = "display:flex;align-items:center;gap:10px;padding:4px 8px;font:13px sans-serif;color:#333";
    bar.innerHTML =
      '<button type="button" style="width:4.6em">play</button>' +
      `<input type="range" min="1" max="${frames}" value="1" aria-label="frame" style="flex:1">` +
      '<output style="width:6.5em"></output>';
    const [button, slider, said] = bar.children;
    if (frames === 1) bar.style.display = "none";
    still.replaceWith(canvas, bar);

    let turn = clip.turn, tilt = clip.tilt, frame = 0, timer = null, asked = false, looked = true;
    const keys = new Float64Array(Math.max(...clip.counts));

    function draw() {
      asked = false;
      const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
      const height = Math.round(width * clip.ratio);
      canvas.width = width * ratio;
      canvas.height = height * ratio;
      canvas.style.height = `${height}px`;
      const brush = canvas.getContext("2d");
      brush.scale(ratio, ratio);
      const t = (turn * Math.PI) / 180, e = (tilt * Math.PI) / 180;
      const [ct, st, ce, se] = [Math.cos(t), Math.sin(t), Math.cos(e), Math.sin(e)];
      const [cx, cy, cz] = clip.centre;
      const unit = Math.min(width / 2 / clip.across, height / 2 / clip.up), dot = (clip.size * width) / 640;
      const begin = first[frame], count = clip.counts[frame];
      for (let i = 0; i < count; i++) {
        const ahead = ct * (z[begin + i] - cz) - st * (x[begin + i] - cx);
        keys[i] = Math.round(64 * (512 - ce * ahead - se * (y[begin + i] - cy))) * 65536 + i; // far ones first
      }
      for (const key of keys.subarray(0, count).sort()) {
        const i = begin + (key % 65536);
        const [dx, dy, dz] = [x[i] - cx, y[i] - cy, z[i] - cz];
        const right = ct * dx + st * dz, high = se * (ct * dz - st * dx) - ce * dy;
        brush.fillStyle = clip.palette[shade[i]];
        brush.fillRect(width / 2 + unit * right - dot / 2, height / 2 - unit * high - dot / 2, dot, dot);
      }
      slider.value = frame + 1;
      said.textContent = `frame ${frame + 1} of ${frames}`;
    }

    function soon() {
      if (!asked) requestAnimationFrame(draw);
      asked = true;
    }

    function play(on) {
      clearInterval(timer);
      timer = on ? setInterval(() => { if (looked) { frame = (frame + 1) % frames; soon(); } }, 1000 / clip.rate) : null;
      button.textContent = on ? "pause" : "play";
    }

    button.onclick = () => play(timer === null);
    slider.oninput = () => { play(false); frame = slider.value - 1; soon(); };
    canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); canvas.style.cursor = "grabbing"; };
    canvas.onpointerup = () => { canvas.style.cursor = "grab"; };
    canvas.onpointermove = (event) => {
      if (!event.buttons) return;
      turn += 0.5 * event.movementX;
      tilt = Math.max(-90, Math.min(90, tilt + 0.5 * event.movementY));
      soon();
    };
    canvas.ondblclick = () => { turn = clip.turn; tilt = clip.tilt; soon(); };
    new ResizeObserver(soon).observe(figure);
    new IntersectionObserver((seen) => { looked = seen[seen.length - 1].isIntersecting; }).observe(canvas);
    draw();
    play(frames > 1 && !matchMedia("(prefers-reduced-motion: reduce)").matches);
  }

  for (const figure of document.querySelectorAll("figure[data-clip]:not([data-started])")) {
    figure.dataset.started = "yes";
    start(figure).catch((error) => console.error("this browser cannot show the clip", error)); // the picture stays
  }
})();
