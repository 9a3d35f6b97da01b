#!/usr/bin/env python3
"""Reads a TMX or XLIFF file with translate-toolkit and prints what it finds there.

    scripts/check_exchange_formats.py [--schemas FOLDER] FILE

One line of JSON: the source language, the target languages, and for each unit its
source, its targets, the word links with them, its notes, and in XLIFF whether the
reader takes it for finished. Of XLIFF also the text of all source and all target
elements.
--schemas checks an XLIFF file against xliff-core-2.0.xsd of that folder (the core of
XLIFF 2.1 has the namespace and the elements of 2.0); Debian's package
php-symfony-translation carries it.
"""

import argparse
import json
import os

from lxml import etree
from translate.storage.tmx import tmxfile
from translate.storage.xliff2 import Xliff2File


XLIFF = "{urn:oasis:names:tc:xliff:document:2.0}"
METADATA = "{urn:oasis:names:tc:xliff:metadata:2.0}"


def read_tmx(path):
    with open(path, "rb") as file:
        store = tmxfile(file)
    header = store.document.getroot().find("header")
    languages = []
    for unit in store.units:
        for node in unit.getlanguageNodes()[1:]:
            language = node.get("{http://www.w3.org/XML/1998/namespace}lang")
            if language not in languages:
                languages.append(language)
    units = [
        {
            "source": unit.source,
            "targets": [unit.gettarget(language) for language in languages],
            "alignments": [
                prop.text or "" for prop in unit.xmlelement.findall("tuv/prop[@type='x-alignment']")
            ],
            "notes": unit.getnotes(),
        }
        for unit in store.units
    ]
    return {"source_lang": header.get("srclang"), "target_langs": languages, "units": units}


def read_xliff(path):
    with open(path, "rb") as file:
        store = Xliff2File(file)
    units = [
        {
            "source": unit.source,
            "targets": [unit.target],
            "alignments": [alignment(unit.xmlelement)],
            "notes": unit.getnotes(),
            "id": unit.getid(),
            "finished": unit.istranslated(),
        }
        for unit in store.units
    ]
    return {
        "source_lang": store.getsourcelanguage(),
        "target_langs": [store.gettargetlanguage()],
        "units": units,
        "text": {side: text(store.document.getroot(), side) for side in ("source", "target")},
    }


def alignment(segment):
    path = f"{METADATA}metadata/{METADATA}metaGroup[@category='dolmetsch:alignment']/{METADATA}meta"
    metas = segment.getparent().iterfind(path)
    return next(meta.text or "" for meta in metas if meta.get("type") == segment.get("id"))


def text(root, side):
    """All elements of that name together, with the characters that XML forbids."""
    pieces = []
    for element in root.iter(XLIFF + side):
        for node in element.iter():
            if node.tag == XLIFF + "cp":
                pieces.append(chr(int(node.get("hex"), 16)))
            else:
                pieces.append(node.text or "")
            if node is not element:
                pieces.append(node.tail or "")
    return "".join(pieces)


class CopyBeside(etree.Resolver):
    """Finds what a schema imports beside it, by its file name."""

    def __init__(self, folder):
        self.folder = folder

    def resolve(self, url, _id, context):
        return self.resolve_filename(os.path.join(self.folder, os.path.basename(url)), context)


def validate(path, schemas):
    parser = etree.XMLParser()
    parser.resolvers.add(CopyBeside(schemas))
    schema = etree.XMLSchema(etree.parse(os.path.join(schemas, "xliff-core-2.0.xsd"), parser))
    schema.assertValid(etree.parse(path))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas")
    parser.add_argument("file")
    options = parser.parse_args()
    if options.schemas:
        validate(options.file, options.schemas)
    read = read_tmx if options.file.endswith(".tmx") else read_xliff
    print(json.dumps(read(options.file), ensure_ascii=False))


main()
