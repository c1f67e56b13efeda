import { FIXED_TIME } from '../archive/entry.js'
import type { Arch } from '../base/arch.js'
import { digestOf } from '../base/digest.js'
import type { DebianPackage } from './debian/packages.js'

export interface SbomSubject {
  /** The tag of the package that the image is built from. */
  readonly tag: string
  readonly arch: Arch
  readonly release: string
  readonly packages: readonly DebianPackage[]
  /** Names of guest programs. */
  readonly programs: readonly string[]
}

/** What an image is made of, as an SPDX 2.3 document (SPDX specification 2.3, chapters 6, 7 and 11). */
export function spdxDocument(subject: SbomSubject): Readonly<Record<string, unknown>> {
  const image = 'SPDXRef-Image'
  const debian = subject.packages.map((one) => debianElement(one, subject.release))
  const programs = subject.programs.map((name) => ({
    ...element(`SPDXRef-Program-${identifier(name)}`, name),
    comment: 'a guest program, compiled from the sources that the tag names',
  }))
  const contained = [...debian, ...programs]
  const content = {
    packages: [{ ...element(image, subject.tag), primaryPackagePurpose: 'CONTAINER' }, ...contained],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: image },
      ...contained.map(({ SPDXID }) => ({ spdxElementId: image, relationshipType: 'CONTAINS', relatedSpdxElement: SPDXID })),
    ],
  }
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${subject.tag} linux/${subject.arch}`,
    // The namespace has to be unique to the document (6.5); the digest is, and comes out the same in every build.
    documentNamespace: `https://github.com/linuxkit/linuxkit/pkg-${digestOf(JSON.stringify([subject.arch, content])).slice('sha256:'.length)}`,
    creationInfo: {
      creators: ['Organization: LinuxKit', 'Tool: linuxkit'],
      created: new Date(FIXED_TIME.seconds * 1000).toISOString().replace('.000', ''),
    },
    ...content,
  }
}

function debianElement(one: DebianPackage, release: string) {
  const version = encodeURIComponent(one.version)
  return {
    ...element(`SPDXRef-Debian-${identifier(one.name)}-${identifier(one.version)}`, one.name),
    versionInfo: one.version,
    supplier: 'Organization: Debian',
    sourceInfo: `built from the Debian source package ${one.source} ${one.sourceVersion}`,
    summary: one.description,
    checksums: [{ algorithm: 'SHA256', checksumValue: one.sha256 }],
    externalRefs: [
      {
        referenceCategory: 'PACKAGE-MANAGER',
        referenceType: 'purl',
        // Package URL specification, type "deb".
        referenceLocator: `pkg:deb/debian/${encodeURIComponent(one.name)}@${version}?arch=${one.architecture}&distro=${release}`,
      },
    ],
  }
}

function element(SPDXID: string, name: string) {
  return {
    SPDXID,
    name,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
  }
}

/** Letters, digits, `.` and `-` may stand in an identifier (SPDX 2.3, 7.2); what else stands in names of packages is spelled out. */
function identifier(text: string): string {
  return text.replace(/[^a-zA-Z0-9.-]/g, (character) => `-x${character.codePointAt(0)?.toString(16)}-`)
}
