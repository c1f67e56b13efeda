/**
 * Annotation of a layer that says where in its gzip file the larger files are, which are compressed by themselves (`formatRuns`). Builds take them from there as they are
 * into an initrd; everyone else reads the layer as any other.
 */
export const RUNS = 'org.linuxkit.layer.deflate-runs'
