/** The log broke its own order, or a step was asked for something impossible: the partition must stop. */
export class Fault extends Error {
  override name = "Fault";
}
