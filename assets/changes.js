/* Makes arrays whole again of which the server sent only what differs (figures/changes.py). */
(function () {
  "use strict";

  const KINDS = {
    f8: Float64Array, f4: Float32Array, i4: Int32Array, u4: Uint32Array,
    i2: Int16Array, u2: Uint16Array, i1: Int8Array, u1: Uint8Array,
  };
  const NAN = -128;

  function bytes(text) {
    const letters = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    const made = new Uint8Array(letters.length);
    for (let place = 0; place < letters.length; place += 1) made[place] = letters.charCodeAt(place);
    return made;
  }

  function typed(values) {
    const raw = new Uint8Array(values.buffer);
    let letters = "";
    for (let start = 0; start < raw.length; start += 8192) {
      letters += String.fromCharCode.apply(null, raw.subarray(start, start + 8192));
    }
    const dtype = Object.keys(KINDS).find((name) => values instanceof KINDS[name]);
    return { dtype, bdata: btoa(letters) };
  }

  const valuesOf = (spec) => new KINDS[spec.dtype](bytes(spec.bdata).buffer);

  function changed(before, told) {
    const old = valuesOf(before);
    const tail = new KINDS[before.dtype](bytes(told.tail).buffer);
    const made = new KINDS[before.dtype](told.keep + tail.length);
    made.set(old.subarray(told.drop, told.drop + told.keep));
    if (told.moved !== undefined) {
      const moved = new Int8Array(bytes(told.moved).buffer);
      for (let row = 0; row < told.keep; row += 1) {
        made[row] = moved[row] === NAN ? NaN : made[row] + moved[row] * told.step;
      }
    }
    made.set(tail, told.keep);
    return typed(made);
  }

  // The area of two standard deviations around the mean: as band() of figures/pair.py draws it.
  function band(mean) {
    const [middle, half] = [valuesOf(mean.y), valuesOf(mean.customdata)];
    const times = mean.x ? valuesOf(mean.x) : null;
    const timeAt = (row) => (times ? times[row] : mean.x0 + row * mean.dx);
    const known = (row) => row < middle.length && Number.isFinite(middle[row] + half[row]);
    const [x, y] = [[], []];
    for (let row = 0; row < middle.length; row += 1) {
      if (!known(row)) continue;
      const first = row;
      if (x.length) {
        x.push(NaN);
        y.push(NaN);
      }
      for (; known(row); row += 1) {
        x.push(timeAt(row));
        y.push(middle[row] + half[row]);
      }
      for (let back = row - 1; back >= first; back -= 1) {
        x.push(timeAt(back));
        y.push(middle[back] - half[back]);
      }
    }
    return { x: typed(Float64Array.from(x)), y: typed(Float32Array.from(y)) };
  }

  const at = (value, path) => path.reduce((part, step) => (part ? part[step] : undefined), value);

  // What differs, by paths and values, as Dash's patch; arrays that changed are whole in it.
  function patch(held, parts) {
    const found = new Map();
    for (const [path, value] of parts) {
      // A text that another callback has put there since has no parts.
      if (!(at(held, path.slice(0, -1)) instanceof Object)) throw new Error("another value");
      if (value && value.change) {
        if (!value.change.band) found.set(path, changed(at(held, path), value.change));
      } else {
        found.set(path, value);
      }
    }
    for (const [path, value] of parts) {
      if (!(value && value.change && value.change.band)) continue;
      const place = path[1] + 1;
      const mean = { ...held.data[place] };
      for (const [other, made] of found) {
        if (other[0] === "data" && other[1] === place && other.length === 3) mean[other[2]] = made;
      }
      found.set(path, band(mean)[path[2]]);
    }
    const operations = [...found].map(([location, value]) => (
      { operation: "Assign", location, params: { value } }
    ));
    return { __dash_patch_update: "__dash_patch_update", operations };
  }

  // By a page's cursor, the picture of the answer that came last. Dash drops an answer that another
  // request has overtaken, after this has seen it: charts out of sight then are of that answer.
  const came = new Map();

  // Arrays that are all new, of a page that nobody sees.
  const waits = (figure) => document.hidden && figure && figure.operations;

  // What the browser has is what the request said that it has: else the answer is of another
  // picture, and the page asks for a whole one.
  function apply(outputs) {
    const unseen = window.spreadscopeUnseen;
    for (const [id, { figure }] of Object.entries(outputs)) {
      if (figure && !figure.parts && !waits(figure)) unseen.forget(id);
    }
    const cursor = Object.keys(outputs).find((id) => id.startsWith("cursor-"));
    const data = cursor && outputs[cursor].data;
    if (!data) return;
    const before = came.get(cursor);
    came.set(cursor, data.picture);
    const propsOf = window.dash_component_api.getLayout;
    if (!data.from) {
      for (const [id, props] of Object.entries(outputs)) {
        if (!waits(props.figure)) continue;
        props.figure = unseen.change(id, unseen.held(id) || propsOf(id).props.figure, props.figure);
        if (!props.figure) delete props.figure;
      }
      return;
    }
    try {
      const held = propsOf(cursor).props.data.picture;
      if (held !== data.from || before !== data.from) throw new Error("another picture");
      for (const [id, props] of Object.entries(outputs)) {
        for (const [name, value] of Object.entries(props)) {
          const parts = value && value.parts;
          if (!parts) continue;
          const chart = name === "figure";
          const shown = (chart && unseen.held(id)) || propsOf(id).props[name];
          const change = patch(shown, parts);
          props[name] = chart ? unseen.change(id, shown, change) : change;
          if (props[name] === undefined) delete props[name];
        }
      }
      unseen.turn();
    } catch (error) {
      came.delete(cursor);
      for (const output of Object.keys(outputs)) delete outputs[output];
      outputs[cursor] = { data: null };
    }
  }

  window.spreadscopeChanges = { apply, patch };
})();
