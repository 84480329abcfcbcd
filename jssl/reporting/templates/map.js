"use strict";
// The embedding map: the point nearest to the pointer shows its thumbnail and its text, a class of
// the legend is picked out, and the arrow keys go from point to point.
for (const figure of document.querySelectorAll("figure.map")) {
  const plane = figure.querySelector(".plane");
  const svg = plane.querySelector("svg");
  const tip = figure.querySelector(".tip");
  const canvas = tip.querySelector("canvas");
  const words = tip.querySelector("span");
  const sprite = figure.querySelector(".sprite");
  const circles = [...svg.querySelectorAll("circle")];
  const points = circles.map((circle) => {
    const title = circle.querySelector("title");
    const text = title.textContent;
    title.remove(); // or the browser's tooltip would cover ours
    return { x: +circle.getAttribute("cx"), y: +circle.getAttribute("cy"), k: circle.dataset.k, text };
  });
  const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  ring.setAttribute("class", "ring");
  ring.setAttribute("visibility", "hidden");
  svg.append(ring);
  const whole = svg.viewBox.baseVal.height; // the width is 1000
  let picked = null;
  let current = -1;

  const picture = (index) => {
    const width = +figure.dataset.width;
    const height = +figure.dataset.height;
    const columns = +figure.dataset.columns;
    const scale = Math.max(1, Math.round(96 / Math.max(width, height)));
    canvas.width = width * scale;
    canvas.height = height * scale;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    const left = (index % columns) * width;
    const top = Math.floor(index / columns) * height;
    context.drawImage(sprite, left, top, width, height, 0, 0, canvas.width, canvas.height);
  };
  const hide = () => {
    current = -1;
    tip.hidden = true;
    ring.setAttribute("visibility", "hidden");
  };
  const show = (index) => {
    if (index === current) return;
    current = index;
    const point = points[index];
    if (sprite) picture(index);
    canvas.hidden = !sprite;
    words.textContent = point.text;
    ring.setAttribute("cx", point.x);
    ring.setAttribute("cy", point.y);
    ring.setAttribute("visibility", "visible");
    tip.hidden = false;
    // Beside the point, on the side where there is more room.
    const right = point.x < 500;
    const low = point.y < whole / 2;
    tip.style.left = right ? `${point.x / 10 + 2}%` : "auto";
    tip.style.right = right ? "auto" : `${100 - point.x / 10 + 2}%`;
    const down = (100 * point.y) / whole;
    tip.style.top = low ? `${down + 2}%` : "auto";
    tip.style.bottom = low ? "auto" : `${100 - down + 2}%`;
  };
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    const x = (1000 * (event.clientX - box.left)) / box.width;
    const y = (whole * (event.clientY - box.top)) / box.height;
    let best = -1;
    let least = 45 * 45;
    points.forEach((point, index) => {
      const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
      if (distance < least && (picked === null || point.k === picked)) {
        best = index;
        least = distance;
      }
    });
    if (best < 0) hide();
    else show(best);
  };
  svg.addEventListener("pointermove", at);
  svg.addEventListener("pointerdown", at);
  svg.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") hide(); // a finger that is lifted leaves, too
  });
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    const open = points.map((_, i) => i).filter((i) => picked === null || points[i].k === picked);
    const place = open.indexOf(current);
    const first = step > 0 ? 0 : open.length - 1;
    if (open.length) show(open[place < 0 ? first : (place + step + open.length) % open.length]);
  });
  const buttons = [...figure.querySelectorAll(".legend button")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      picked = picked === button.dataset.k ? null : button.dataset.k;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other.dataset.k === picked));
      for (const circle of circles) {
        circle.classList.toggle("dim", picked !== null && circle.dataset.k !== picked);
      }
      hide();
    });
  }
}
