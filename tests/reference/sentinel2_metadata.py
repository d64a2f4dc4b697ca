"""Metadata of Sentinel-2 products as ESA writes them, cut down to what matters here."""

from __future__ import annotations

from pathlib import Path

PRODUCT = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
OLD_PRODUCT = "S2A_OPER_PRD_MSIL1C_PDMC_20160914T193218_R022_V20160831T101022_20160831T101022"
OLD_GRANULE = "S2A_OPER_MSI_L1C_TL_SGS__20160831T155112_A006228_T{tile}_N02.04"
NEW_GRANULE = "S2A_OPER_MSI_L1C_TL_SGS__20170613T152128_A010317_T33UUP_N02.05"

# latitude longitude …, the corners of tile 33UUP
RING = "48.721 12.281 48.746 13.773 47.759 13.796 47.734 12.332 48.721 12.281"

_PRODUCT = """\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:{root} xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/{root}.xsd">
  <n1:General_Info><Product_Info>
    <PRODUCT_START_TIME>2017-06-13T10:10:31.026Z</PRODUCT_START_TIME>
    <PRODUCT_URI>{uri}</PRODUCT_URI>
    <Product_Organisation><Granule_List>{granules}</Granule_List></Product_Organisation>
  </Product_Info></n1:General_Info>
  <n1:Geometric_Info><Product_Footprint><Product_Footprint><Global_Footprint>
    <EXT_POS_LIST>{ring} </EXT_POS_LIST>
  </Global_Footprint></Product_Footprint></Product_Footprint></n1:Geometric_Info>
</n1:{root}>
"""
_GRANULE = """\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-1C_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-1C_Tile_Metadata.xsd">
  <n1:General_Info>
    <TILE_ID metadataLevel="Brief">{tile_id}</TILE_ID>
    <SENSING_TIME metadataLevel="Standard">2017-06-13T10:16:08.456Z</SENSING_TIME>
  </n1:General_Info>
  <n1:Geometric_Info><Tile_Geocoding metadataLevel="Brief">
    <HORIZONTAL_CS_NAME>WGS84 / UTM zone 33N</HORIZONTAL_CS_NAME>
    <HORIZONTAL_CS_CODE>{crs}</HORIZONTAL_CS_CODE>
    <Size resolution="10"><NROWS>10980</NROWS><NCOLS>10980</NCOLS></Size>
    <Geoposition resolution="60"><ULX>1</ULX><ULY>2</ULY><XDIM>60</XDIM><YDIM>-60</YDIM></Geoposition>
    <Geoposition resolution="10"><ULX>{ulx}</ULX><ULY>{uly}</ULY><XDIM>10</XDIM><YDIM>-10</YDIM></Geoposition>
  </Tile_Geocoding></n1:Geometric_Info>
</n1:Level-1C_Tile_ID>
"""


def product_xml(uri: str = PRODUCT + ".SAFE", ring: str = RING, granules: tuple[str, ...] = ()) -> str:
    """``MTD_MSIL1C.xml``."""
    listed = "".join(f'<Granules granuleIdentifier="{name}" imageFormat="JPEG2000"/>' for name in granules)
    return _PRODUCT.format(root="Level-1C_User_Product", uri=uri, ring=ring, granules=listed)


def granule_xml(tile_id: str = NEW_GRANULE, crs: str = "EPSG:32633", ulx: int = 300000, uly: int = 5400000) -> str:
    """``MTD_TL.xml``."""
    return _GRANULE.format(tile_id=tile_id, crs=crs, ulx=ulx, uly=uly)


def write_safe(folder: Path, name: str = PRODUCT, product: str | None = None, granule: str | None = None) -> Path:
    """Write a product of the new format."""
    safe = folder / f"{name}.SAFE"
    inside = safe / "GRANULE" / "L1C_T33UUP_A010317_20170613T101608"
    inside.mkdir(parents=True)
    (safe / "MTD_MSIL1C.xml").write_text(product or product_xml(f"{name}.SAFE"), "utf-8")
    (inside / "MTD_TL.xml").write_text(granule or granule_xml(), "utf-8")
    return safe


def write_old_safe(folder: Path, tiles: dict[str, tuple[int, int]], ring: str) -> Path:
    """Write a product of the old format: tile → upper left corner, all in EPSG:32633."""
    safe = folder / f"{OLD_PRODUCT}.SAFE"
    names = {tile: OLD_GRANULE.format(tile=tile) for tile in tiles}
    for tile, (ulx, uly) in tiles.items():
        inside = safe / "GRANULE" / names[tile]
        inside.mkdir(parents=True)
        file = names[tile].replace("_MSI_", "_MTD_").rpartition("_N")[0] + ".xml"
        (inside / file).write_text(granule_xml(names[tile], ulx=ulx, uly=uly), "utf-8")
    xml = product_xml(OLD_PRODUCT + ".SAFE", ring, tuple(names.values()))
    (safe / "S2A_OPER_MTD_SAFL1C_PDMC_20160914T193218_R022_V20160831T101022_20160831T101022.xml").write_text(
        xml, "utf-8"
    )
    return safe
