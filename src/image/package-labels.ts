/** Debian packages of an image with their versions: `name=version`, separated by blanks. */
export const PACKAGES_LABEL = 'org.linuxkit.debian.packages'
export const KERNEL_RELEASE_LABEL = 'org.linuxkit.kernel.release'
/** Compressions of an initrd that the kernel of the image can unpack. */
export const KERNEL_INITRD_LABEL = 'org.linuxkit.kernel.initrd'
