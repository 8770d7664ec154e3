"""Each of botocore's files of a service is read once in a process, not once in each session; EC2's takes a tenth of a
second. Imported before moto, which reads some of them when it is imported."""

from functools import cache

from botocore.loaders import JSONFileLoader

_read = cache(JSONFileLoader().load_file)
JSONFileLoader.load_file = lambda self, file_path: _read(file_path)
