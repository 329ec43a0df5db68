"""manifest.py: what the manifest chain of an s3 or dir sink lists.

A reader that goes by the chain sees every record once and in order, whatever
lies beside it. read_manifest() is that reader, and trusts nothing: it asserts
that the chain has no gap and no overlap, and that every object it lists is
there with the size, checksum, count and positions that the chain says.
"""
import gzip
import json
import subprocess
import zlib
from pathlib import Path

import rig


class Place:
    """Objects by key, in a bucket of rig.S3 or in a directory."""

    def __init__(self, where):
        self.directory = None if hasattr(where, 'client') else Path(where)
        self.bucket = where

    def keys(self, prefix):
        if self.directory is None:
            return self.bucket.keys(prefix, hidden=True)
        return sorted(str(path.relative_to(self.directory))
                      for path in (self.directory / prefix).rglob('*')
                      if path.is_file())

    def read(self, key):
        if self.directory is None:
            return self.bucket.read(key)
        return (self.directory / key).read_bytes()


    def write(self, key, data):
        if self.directory is None:
            self.bucket.client.put_object(Bucket=self.bucket.bucket, Key=key,
                                          Body=data)
        else:
            (self.directory / key).write_bytes(data)

    def remove(self, key):
        if self.directory is None:
            self.bucket.client.delete_object(Bucket=self.bucket.bucket,
                                             Key=key)
        else:
            (self.directory / key).unlink()


def position(text):
    """["0/1A2B", 3] as (number, 3)."""
    return rig.lsn(text[0]), text[1]


def unpack(data, key):
    if key.endswith('.gz'):
        return gzip.decompress(data)
    if key.endswith('.zst'):
        return subprocess.run(['zstd', '-dc'], input=data, check=True,
                              capture_output=True).stdout
    return data


def home(prefix):
    prefix = prefix.strip('/')
    return (prefix + '/' if prefix else '') + '_pg_fanout/'


def pointers(place, prefix):
    """[(slot, sink)] of the chains below a prefix."""
    top = home(prefix)
    parts = [key[len(top):].split('/') for key in place.keys(top)]
    return [(part[0], part[1][:-len('.json')]) for part in parts
            if len(part) == 2 and part[1].endswith('.json')]


def read_chain(where, prefix='', slot=None, sink=None):
    """(pointer, all manifests from the first on), checked for density.

    The last manifest may be one that the pointer does not know yet.
    """
    place = Place(where)
    if slot is None or sink is None:
        found = [(a, b) for a, b in pointers(place, prefix)
                 if slot in (None, a) and sink in (None, b)]
        assert len(found) == 1, f'chains at "{prefix}": {found}'
        (slot, sink), = found
    top = f'{home(prefix)}{slot}/{sink}'
    pointer = json.loads(place.read(f'{top}.json'))
    have = {key for key in place.keys(top + '/') if '/manifest-' in key}
    manifests = []
    while True:
        key = f'{top}/manifest-{len(manifests) + 1:016d}.json'
        if key not in have:
            break
        manifests.append(json.loads(place.read(key)))
    number, end = 0, None
    for manifest in manifests:
        number += 1
        assert manifest['number'] == number, manifest['number']
        if end is not None:
            assert manifest['prev_end'] == end, f'gap before {number}'
        end = manifest['end']
        assert rig.lsn(manifest['prev_end']) <= rig.lsn(end)
    assert len(have) == number, f'a manifest is missing after {number}'
    assert number >= pointer['chain']['manifest'], 'the last one is missing'
    return pointer, manifests


def read_object(place, entry, manifest, last):
    """The records of one object; last: {topic: position} so far."""
    key = entry['key']
    data = place.read(key)
    assert len(data) == entry['bytes'], f'{key}: size'
    assert f'{zlib.crc32(data):08x}' == entry['crc32'], f'{key}: crc32'
    text = unpack(data, key)
    assert not text or text.endswith(b'\n'), f'{key} ends in mid-record'
    records = [json.loads(line) for line in text.splitlines()]
    assert len(records) == entry['records'], f'{key}: records'
    places = [(rig.lsn(r['lsn']), r['seq']) for r in records]
    assert places == sorted(set(places)), f'{key}: order'
    assert places[0] == position(entry['first']), f'{key}: first'
    assert places[-1] == position(entry['last']), f'{key}: last'
    assert (rig.lsn(manifest['prev_end']), 0) <= places[0], f'{key}: early'
    assert places[-1] < (rig.lsn(manifest['end']), 0), f'{key}: late'
    topic = entry['topic']
    assert places[0] > last.get(topic, (0, 0)), f'{key}: overlap'
    last[topic] = places[-1]
    return records


def read_manifest(where, prefix='', slot=None, sink=None):
    """The records that the chain lists, in order of their positions.

    where: a Bucket of rig.S3 (or anything with keys, read and client), or the
    directory of a dir sink. slot and sink need be given only where several
    chains lie at the prefix. For format=json.
    """
    place = Place(where)
    _, manifests = read_chain(where, prefix, slot, sink)
    records, last = [], {}
    for manifest in manifests:
        # within a manifest the objects of a topic are in order, topics are not
        found = [record for entry in manifest['objects']
                 for record in read_object(place, entry, manifest, last)]
        assert len(found) == manifest['records']
        records += sorted(found, key=lambda r: (rig.lsn(r['lsn']), r['seq']))
    return records


def listed_keys(where, prefix='', slot=None, sink=None):
    """Keys of the objects that the chain lists."""
    return [entry['key'] for manifest in
            read_chain(where, prefix, slot, sink)[1]
            for entry in manifest['objects']]
