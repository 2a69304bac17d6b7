// Stands for a part of a project that is left out (bundle.mjs): asked for, it fails.
export default class Absent {
  constructor() {
    throw new Error("This layout is not part of the hub");
  }
}
