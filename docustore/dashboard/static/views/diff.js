/** JSON Patches of a history, read from the oldest to the newest, as changes with both values. */

// They change with every write, and say nothing about it.
const BORING = new Set(["version", "updated_at", "full_name"]);

/**
 * Add `changes` to each entry, newest first: `{ path, before, after, isKnown }`.
 *
 * Where older entries are not loaded, the value before a first change is not known.
 */
export function withBefore(entries, { isComplete }) {
  const known = new Map();
  let isWhole = isComplete;
  const oldestFirst = [...entries].reverse().map((entry) => {
    const [first] = entry.patch;
    if (first && first.path === "") {
      known.clear();
      isWhole = true;
      const leaves = first.value === null ? [] : flattened(first.value, "");
      for (const [path, value] of leaves) known.set(path, value);
      const changes = leaves.filter(([path, value]) => isTold(path) && !isNothing(value))
        .map(([path, after]) => ({ path, after, before: null, isKnown: true }));
      return { ...entry, changes, isBegin: first.value !== null, isEnd: first.value === null };
    }
    const changes = entry.patch.flatMap((operation) => changesOf(operation, known, isWhole));
    return { ...entry, changes: changes.filter(({ path }) => isTold(path)), isBegin: false, isEnd: false };
  });
  return oldestFirst.reverse();
}

function changesOf({ op, path, value }, known, isWhole) {
  const leaves = op === "remove" ? [[named(path), null]] : flattened(value, named(path));
  return leaves.map(([name, after]) => {
    const change = { path: name, after, before: known.get(name) ?? null, isKnown: isWhole || known.has(name) };
    known.set(name, after);
    return change;
  });
}

/** List the leaves of an object; lists are leaves. */
function flattened(value, path) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([name, each]) => flattened(each, path ? `${path}.${name}` : name));
}

function named(pointer) {
  return pointer.slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~")).join(".");
}

function isTold(path) {
  return !BORING.has(path.split(".")[0]);
}

function isNothing(value) {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}
